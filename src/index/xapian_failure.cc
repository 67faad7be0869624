#include "index/xapian_private.hh"

#include <new>
#include <string_view>

const char *xapian_library_version(void)
{
    return Xapian::version_string();
}

static int fail(struct error *error, enum xapian_status status, enum error_code code, const char *doing,
                const char *what) noexcept
{
    error_set(error, code, "%s: %s", doing, what);
    return status;
}

// Xapian::Error::get_description() without its allocation failing on us.
static int fail_with(struct error *error, enum xapian_status status, enum error_code code, const char *doing,
                     const Xapian::Error &cause) noexcept
{
    try {
        return fail(error, status, code, doing, cause.get_description().c_str());
    } catch (...) {
        return fail(error, status, code, doing, cause.get_type());
    }
}

// What is wrong with a database, by Xapian's own name for it.
static enum xapian_status status_of(const Xapian::DatabaseError &cause, bool changing) noexcept
{
    const std::string_view type = cause.get_type();
    if (type == "DatabaseModifiedError" || changing)
        return XAPIAN_STALE;
    if (type == "DatabaseLockError")
        return XAPIAN_LOCKED;
    if (type == "DatabaseNotFoundError" || type == "DatabaseOpeningError")
        return XAPIAN_NOT_FOUND;
    if (type == "DatabaseCorruptError" || type == "DatabaseVersionError")
        return XAPIAN_DAMAGED;
    // without words of the system no call has failed: it has read something that cannot be
    return type == "DatabaseError" && cause.get_error_string() == nullptr ? XAPIAN_DAMAGED : XAPIAN_FAILED;
}

// The order matters: subclasses before their bases.
int xapian_failure(struct error *error, const char *doing, bool changing) noexcept
{
    const enum error_code trouble = ERROR_UNAVAILABLE;
    try {
        throw;
    } catch (const deadline_passed &) {
        return fail(error, XAPIAN_DEADLINE, ERROR_DEADLINE, doing, "the time allowed for it has passed");
    } catch (const Xapian::DatabaseError &cause) {
        return fail_with(error, status_of(cause, changing), trouble, doing, cause);
    } catch (const Xapian::RangeError &cause) {
        // a number in the database that cannot be: torn when somebody writes, else damage
        return fail_with(error, changing ? XAPIAN_STALE : XAPIAN_DAMAGED, trouble, doing, cause);
    } catch (const Xapian::QueryParserError &cause) {
        return fail_with(error, XAPIAN_BAD_QUERY, ERROR_BAD_REQUEST, doing, cause);
    } catch (const Xapian::WildcardError &cause) {
        return fail_with(error, XAPIAN_BAD_QUERY, ERROR_BAD_REQUEST, doing, cause);
    } catch (const Xapian::InvalidArgumentError &cause) {
        return fail_with(error, XAPIAN_BAD_QUERY, ERROR_BAD_REQUEST, doing, cause);
    } catch (const Xapian::Error &cause) {
        return fail_with(error, XAPIAN_FAILED, ERROR_INTERNAL, doing, cause);
    } catch (const std::bad_alloc &) {
        return fail(error, XAPIAN_NO_MEMORY, trouble, doing, "out of memory");
    } catch (const std::exception &cause) {
        return fail(error, XAPIAN_FAILED, ERROR_INTERNAL, doing, cause.what());
    } catch (...) {
        return fail(error, XAPIAN_FAILED, ERROR_INTERNAL, doing, "an unknown C++ exception");
    }
}
