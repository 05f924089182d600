module.exports = {
  up: (queryInterface, Sequelize) =>
    queryInterface.createTable('tasks', { id: { type: Sequelize.BIGINT, primaryKey: true } }),
  down: (queryInterface) => queryInterface.dropTable('tasks'),
};
