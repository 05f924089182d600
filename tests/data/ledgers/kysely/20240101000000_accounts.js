// the accounts
/** @param {import('kysely').Kysely<any>} db */
exports.up = async (db) => {
  await db.schema.createTable('accounts').addColumn('id', 'bigint', (c) => c.primaryKey()).execute();
};
exports.down = async (db) => {
  await db.schema.dropTable('accounts').execute();
};
