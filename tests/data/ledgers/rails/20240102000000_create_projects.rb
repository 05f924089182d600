class CreateProjects < ActiveRecord::Migration[8.0]
  def change
    create_table :projects
  end
end
