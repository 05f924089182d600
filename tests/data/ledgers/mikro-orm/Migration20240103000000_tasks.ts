import { Migration } from '@mikro-orm/migrations';

export class Migration20240103000000_tasks extends Migration {
  async up(): Promise<void> {
    this.addSql('create table tasks (id bigint primary key);');
  }

  async down(): Promise<void> {
    this.addSql('drop table tasks;');
  }
}
