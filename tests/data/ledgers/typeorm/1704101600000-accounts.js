module.exports = class Accounts1704101600000 {
  async up(queryRunner) {
    await queryRunner.query('create table accounts (id bigint primary key)');
  }
  async down(queryRunner) {
    await queryRunner.query('drop table accounts');
  }
};
