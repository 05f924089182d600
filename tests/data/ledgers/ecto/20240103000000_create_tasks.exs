defmodule Shop.Repo.Migrations.CreateTasks do
  use Ecto.Migration

  def change do
    create table(:tasks)
  end
end
