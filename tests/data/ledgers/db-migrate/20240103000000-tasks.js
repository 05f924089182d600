'use strict';

var dbm;

exports.setup = function(options) {
  dbm = options.dbmigrate;
};

exports.up = function(db) {
  return db.runSql('create table tasks (id bigint primary key)');
};

exports.down = function(db) {
  return db.dropTable('tasks');
};

exports._meta = { "version": 1 };
