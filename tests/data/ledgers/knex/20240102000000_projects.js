exports.up = (knex) => knex.schema.createTable('projects', (table) => table.bigint('id').primary());
exports.down = (knex) => knex.schema.dropTable('projects');
