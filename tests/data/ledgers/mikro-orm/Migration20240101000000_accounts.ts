import { Migration } from '@mikro-orm/migrations';

export class Migration20240101000000_accounts extends Migration {
  async up(): Promise<void> {
    this.addSql('create table accounts (id bigint primary key);');
  }

  async down(): Promise<void> {
    this.addSql('drop table accounts;');
  }
}
