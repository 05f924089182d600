module.exports = {
  up: (queryInterface, Sequelize) =>
    queryInterface.createTable('accounts', { id: { type: Sequelize.BIGINT, primaryKey: true } }),
  down: (queryInterface) => queryInterface.dropTable('accounts'),
};
