module.exports = class Projects1704102600000 {
  async up(queryRunner) {
    await queryRunner.query('create table projects (id bigint primary key)');
  }
  async down(queryRunner) {
    await queryRunner.query('drop table projects');
  }
};
