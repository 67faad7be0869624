// xapian_private.hh - shared by the three C++ sources behind xapian.h; nobody else includes it.
#ifndef STORYD_INDEX_XAPIAN_PRIVATE_HH
#define STORYD_INDEX_XAPIAN_PRIVATE_HH

// The standard headers that ours include must come first: they may not be seen inside extern "C".
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <jansson.h>
#include <string>
#include <vector>
#include <xapian.h>

// In C a struct and a function may share a name.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
extern "C" {
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "index/xapian.h"
}
#pragma GCC diagnostic pop

// Thrown when a search has run out of time.
struct deadline_passed {
};

// Turns the exception that is being handled into a status and a sentence, "DOING: …". `changing`: somebody
// may be writing to the database, so that whatever a reader finds wrong with it can be that. Call in a catch
// block only.
int xapian_failure(struct error *error, const char *doing, bool changing) noexcept;

// Runs `work` and turns whatever it throws into a status. All entry points end here.
template <typename Work>
int xapian_guard(struct error *error, const char *doing, bool changing, Work &&work) noexcept
{
    try {
        work();
        return XAPIAN_OK;
    } catch (...) {
        return xapian_failure(error, doing, changing);
    }
}

// ---- xapian_create.cc ----

// Puts an empty database into the new directory `path`. As xapian_prepare() fails, too.
int xapian_create(const std::string &path, struct error *error);

// The directory that holds `path`.
std::string xapian_parent_of(const std::string &path);

// Before Xapian writes: whether there is room enough that no file of a few hundred bytes fails for that.
int xapian_check_room(const std::string &directory, struct error *error);

// After a failed commit, before the object goes: if its destruction would do harm it is closed, but kept.
void xapian_keep(Xapian::WritableDatabase &database, const std::string &path) noexcept;

#endif
