module.exports = class Tasks1704103600000 {
  async up(queryRunner) {
    await queryRunner.query('create table tasks (id bigint primary key)');
  }
  async down(queryRunner) {
    await queryRunner.query('drop table tasks');
  }
};
