class CreateTasks < ActiveRecord::Migration[8.0]
  def change
    create_table :tasks
  end
end
