#include "index/xapian_private.hh"

#include <algorithm>
#include <new>

namespace
{
const char position_key[] = "position";
const char owner_key[] = "owner";
const uint32_t position_limit = 0x7fffffff; // glass packs differences of positions as signed numbers
} // namespace

struct xapian_writer {
    Xapian::WritableDatabase database;
    std::string path;
    bool sync;
    std::string term; // scratch
};

static int open_flags(bool sync)
{
    return Xapian::DB_OPEN | Xapian::DB_BACKEND_GLASS | (sync ? 0 : Xapian::DB_NO_SYNC);
}

int xapian_writer_open(const char *path, bool create, bool sync, struct xapian_writer **writer,
                       struct error *error)
{
    struct xapian_writer *opened = nullptr;
    int status = create ? xapian_create(path, error) : XAPIAN_OK;
    if (status == XAPIAN_OK)
        status = xapian_guard(error, path, false, [&] {
            opened = new xapian_writer{Xapian::WritableDatabase(path, open_flags(sync)), path, sync, {}};
            opened->database.begin_transaction();
        });
    if (status == XAPIAN_OK && create && sync &&
        file_sync_directory(xapian_parent_of(opened->path).c_str(), error) != 0)
        status = XAPIAN_FAILED;
    if (status != XAPIAN_OK) {
        xapian_writer_close(opened);
        return status;
    }
    *writer = opened;
    return XAPIAN_OK;
}

// After a failure: an empty transaction again. Whether the old one is still there depends on where it failed.
// When Xapian has given up on the object, a new one is opened.
static void start_over(struct xapian_writer *writer) noexcept
{
    xapian_keep(writer->database, writer->path);
    try {
        writer->database.cancel_transaction();
    } catch (...) {
        // it had ended already
    }
    try {
        writer->database.begin_transaction();
        return;
    } catch (...) {
    }
    try {
        writer->database = Xapian::WritableDatabase(); // gives the lock back
        writer->database = Xapian::WritableDatabase(writer->path, open_flags(writer->sync));
        writer->database.begin_transaction();
    } catch (...) {
        // the next call reports it
    }
}

// Xapian would notice a long term with zero bytes only at the commit, and the whole batch would be lost.
static bool check_term(const struct xapian_term *term, uint32_t docid, struct error *error)
{
    size_t size = term->length;
    for (uint32_t i = 0; size <= XAPIAN_TERM_MAX && i < term->length; i++)
        size += term->text[i] == '\0';
    if (term->length == 0 || size > XAPIAN_TERM_MAX) {
        error_set(error, ERROR_BAD_REQUEST, "document %u has a term of %u bytes; 1 to %d can be indexed",
                  docid, term->length, XAPIAN_TERM_MAX);
        return false;
    }
    if (term->impact > IMPACT_MAX || (term->position_count > 0 && term->impact == 0)) {
        error_set(error, ERROR_BAD_REQUEST, "document %u has a term with impact %u and %u positions", docid,
                  term->impact, term->position_count);
        return false;
    }
    for (uint32_t i = 0; i < term->position_count; i++) {
        if (term->positions[i] >= position_limit) {
            error_set(error, ERROR_BAD_REQUEST, "document %u has a term at position %u", docid,
                      term->positions[i]);
            return false;
        }
    }
    return true;
}

static bool check_document(uint32_t docid, const struct xapian_term *terms, size_t count, struct error *error)
{
    if (docid == 0) {
        error_set(error, ERROR_BAD_REQUEST, "a document needs a docid above 0");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!check_term(&terms[i], docid, error))
            return false;
    }
    return true;
}

static void fill_document(struct xapian_writer *writer, Xapian::Document &document,
                          const struct xapian_term *terms, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct xapian_term *term = &terms[i];
        writer->term.assign(term->text, term->length);
        for (uint32_t j = 0; j < term->position_count; j++)
            document.add_posting(writer->term, term->positions[j], 0);
        document.add_term(writer->term, term->impact);
    }
}

int xapian_writer_add(struct xapian_writer *writer, uint32_t docid, const struct xapian_term *terms,
                      size_t count, struct error *error)
{
    int status = XAPIAN_FAILED;
    if (check_document(docid, terms, count, error))
        status = xapian_guard(error, writer->path.c_str(), false, [&] {
            Xapian::Document document;
            fill_document(writer, document, terms, count);
            writer->database.replace_document(docid, document);
        });
    if (status != XAPIAN_OK)
        start_over(writer);
    return status;
}

int xapian_writer_commit(struct xapian_writer *writer, uint64_t position, const char *owner,
                         struct error *error)
{
    int status = xapian_check_room(writer->path, error);
    if (status == XAPIAN_OK)
        status = xapian_guard(error, writer->path.c_str(), false, [&] {
            writer->database.set_metadata(position_key, std::to_string(position));
            writer->database.set_metadata(owner_key, owner);
            writer->database.commit_transaction();
        });
    // Xapian renames a file into place and does not sync the directory.
    if (status == XAPIAN_OK && writer->sync && file_sync_directory(writer->path.c_str(), error) != 0)
        status = XAPIAN_FAILED;
    if (status == XAPIAN_OK)
        status =
            xapian_guard(error, writer->path.c_str(), false, [&] { writer->database.begin_transaction(); });
    if (status != XAPIAN_OK)
        start_over(writer);
    return status;
}

uint32_t xapian_writer_count(const struct xapian_writer *writer)
{
    uint32_t count = 0;
    xapian_guard(nullptr, "", false, [&] { count = writer->database.get_doccount(); });
    return count;
}

void xapian_writer_close(struct xapian_writer *writer)
{
    if (writer == nullptr)
        return;
    // outside a transaction close() would commit
    xapian_guard(nullptr, "", false, [&] { writer->database.cancel_transaction(); });
    xapian_guard(nullptr, "", false, [&] { writer->database.close(); });
    xapian_guard(nullptr, "", false, [&] { delete writer; });
}

int xapian_position(const char *path, uint64_t *position, char *owner, size_t size, struct error *error)
{
    return xapian_guard(error, path, false, [&] {
        Xapian::Database database(path, Xapian::DB_BACKEND_GLASS);
        const std::string number = database.get_metadata(position_key);
        const std::string text = database.get_metadata(owner_key);
        *position = strtoull(number.c_str(), nullptr, 10);
        if (size > 0) {
            size_t length = std::min(size - 1, text.size());
            text.copy(owner, length);
            owner[length] = '\0';
        }
    });
}

int xapian_compact(const char *const *sources, size_t count, const char *destination, struct error *error)
{
    int status = xapian_guard(error, destination, false, [&] {
        Xapian::Database all;
        for (size_t i = 0; i < count; i++)
            all.add_database(Xapian::Database(sources[i]));
        all.compact(destination, Xapian::DBCOMPACT_NO_RENUMBER | Xapian::DBCOMPACT_SINGLE_FILE |
                                     static_cast<unsigned>(Xapian::Compactor::FULL));
    });
    if (status == XAPIAN_OK && (file_sync(destination, error) != 0 ||
                                file_sync_directory(xapian_parent_of(destination).c_str(), error) != 0))
        status = XAPIAN_FAILED;
    return status;
}

int xapian_all_terms(const char *path, xapian_term_function each, void *context, struct error *error)
{
    return xapian_guard(error, path, false, [&] {
        Xapian::Database database(path);
        for (Xapian::TermIterator i = database.allterms_begin(); i != database.allterms_end(); ++i) {
            const std::string term = *i;
            if (!each(context, term.data(), term.size(), i.get_termfreq()))
                return;
        }
    });
}

namespace
{
// The names and stems of one document, as the callback wants them.
class stem_list
{
  public:
    void read(const Xapian::Database &database, Xapian::docid docid)
    {
        texts.clear();
        stems.clear();
        for (Xapian::TermIterator i = database.termlist_begin(docid); i != database.termlist_end(docid);
             ++i) {
            const std::string term = *i;
            uint32_t impact = i.get_wdf();
            const bool has_prefix = !term.empty() && term[0] >= 'A' && term[0] <= 'Z';
            if (has_prefix ? impact != 0 || term_name_kind(term.data(), term.size()) == NAME_KIND_COUNT
                           : impact == 0)
                continue;
            texts += term;
            stems.push_back({nullptr, static_cast<uint32_t>(term.size()), impact});
        }
        const char *text = texts.data();
        for (xapian_stem &stem : stems) {
            stem.text = text;
            text += stem.length;
        }
        // stems can start with digits, which come before the prefixes
        std::stable_partition(stems.begin(), stems.end(),
                              [](const xapian_stem &stem) { return stem.impact == 0; });
    }

    std::string texts;
    std::vector<xapian_stem> stems;
};
} // namespace

int xapian_all_documents(const char *path, xapian_document_function each, void *context, struct error *error)
{
    return xapian_guard(error, path, false, [&] {
        Xapian::Database database(path);
        stem_list list;
        for (Xapian::PostingIterator i = database.postlist_begin(""); i != database.postlist_end(""); ++i) {
            list.read(database, *i);
            if (!each(context, *i, list.stems.data(), list.stems.size()))
                return;
        }
    });
}

int xapian_count(const char *path, uint32_t *documents, uint32_t *last_docid, struct error *error)
{
    return xapian_guard(error, path, false, [&] {
        Xapian::Database database(path);
        *documents = database.get_doccount();
        *last_docid = database.get_lastdocid();
    });
}
