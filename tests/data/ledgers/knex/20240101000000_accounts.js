exports.up = (knex) => knex.schema.createTable('accounts', (table) => table.bigint('id').primary());
exports.down = (knex) => knex.schema.dropTable('accounts');
