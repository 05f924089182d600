// the projects
/** @param {import('kysely').Kysely<any>} db */
exports.up = async (db) => {
  await db.schema.createTable('projects').addColumn('id', 'bigint', (c) => c.primaryKey()).execute();
};
exports.down = async (db) => {
  await db.schema.dropTable('projects').execute();
};
