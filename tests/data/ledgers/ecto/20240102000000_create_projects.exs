defmodule Shop.Repo.Migrations.CreateProjects do
  use Ecto.Migration

  def change do
    create table(:projects)
  end
end
