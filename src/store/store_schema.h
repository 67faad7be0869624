/* store_schema.h - the store's tables and the mark that says a file is a storyd store. Private to src/store.
 */
#ifndef STORYD_STORE_STORE_SCHEMA_H
#define STORYD_STORE_STORE_SCHEMA_H

#include "base/error.h"

#include <sqlite3.h>

#define STORE_APPLICATION_ID 0x73747279 /* "stry" */
#define STORE_FORMAT 2                  /* PRAGMA user_version */

/*
 * Looks at an opened file and changes nothing. *format is 0 if it has no tables yet and bears no mark. A
 * foreign file and a store of a newer format are unavailable.
 */
int store_schema_check(sqlite3 *db, int *format, struct error *error);

/* Makes the tables in an empty database, in one transaction. */
int store_schema_create(sqlite3 *db, struct error *error);

/* Brings a store of an older format to this one, in one transaction. */
int store_schema_upgrade(sqlite3 *db, int format, struct error *error);

#endif
