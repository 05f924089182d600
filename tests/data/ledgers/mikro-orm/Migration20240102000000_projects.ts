import { Migration } from '@mikro-orm/migrations';

export class Migration20240102000000_projects extends Migration {
  async up(): Promise<void> {
    this.addSql('create table projects (id bigint primary key);');
  }

  async down(): Promise<void> {
    this.addSql('drop table projects;');
  }
}
