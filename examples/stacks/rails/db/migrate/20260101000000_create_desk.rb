class CreateDesk < ActiveRecord::Migration[7.1]
  def change
    create_table :organizations do |t|
      t.string :name, null: false
    end
    create_table :projects do |t|
      t.references :organization, null: false, foreign_key: { on_delete: :cascade }
      t.string :key, null: false, index: { unique: true }
    end
    create_table :tasks do |t|
      t.references :organization, null: false, foreign_key: { on_delete: :cascade }
      t.references :project, null: false, index: false, foreign_key: { on_delete: :cascade }
      t.string :title, null: false
      t.string :import_id, null: false, index: { unique: true }
    end
  end
end
