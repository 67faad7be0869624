/*
 * show.h - replies in words and tables, for people. Each appends the session's last answer to the page. One
 * thread.
 */
#ifndef STORYD_CTL_SHOW_H
#define STORYD_CTL_SHOW_H

#include "ctl/session.h"

void show_hits(const struct session *session, struct page *page);      /* SEARCH */
void show_related(const struct session *session, struct page *page);   /* RELATED */
void show_connected(const struct session *session, struct page *page); /* CONNECTED */
void show_trending(const struct session *session, struct page *page);  /* TRENDING */
void show_articles(const struct session *session, struct page *page);  /* GET */
void show_profile(const struct session *session, struct page *page);   /* GET of a profile */
void show_stats(const struct session *session, struct page *page);     /* STATS */
void show_reindex(const struct session *session, struct page *page);   /* REINDEX */
void show_indented(const struct session *session, struct page *page);  /* any, as indented JSON */

#endif
