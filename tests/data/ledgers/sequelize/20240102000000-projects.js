module.exports = {
  up: (queryInterface, Sequelize) =>
    queryInterface.createTable('projects', { id: { type: Sequelize.BIGINT, primaryKey: true } }),
  down: (queryInterface) => queryInterface.dropTable('projects'),
};
