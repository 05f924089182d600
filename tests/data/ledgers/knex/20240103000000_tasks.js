exports.up = (knex) => knex.schema.createTable('tasks', (table) => table.bigint('id').primary());
exports.down = (knex) => knex.schema.dropTable('tasks');
