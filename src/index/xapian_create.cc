// xapian_create.cc - new databases, and those whose commit failed.
//
// When Xapian 1.4 cannot write the file of a new revision (glass_version.cc) it closes it, and closes the
// same number again when the object is destroyed. If another thread has opened a file in between, that one is
// closed under its hands, and whatever is opened next takes its number: the store would read and write there.
// So no database is created by Xapian while other threads run, and none whose commit failed is ever
// destroyed.
#include "index/xapian_private.hh"

#include <dirent.h>
#include <map>
#include <memory>
#include <mutex>
#include <sys/statvfs.h>
#include <unistd.h>

namespace
{
const char lock_file[] = "flintlock";
const char unwritten_revision[] = "v.tmp"; // renamed when it has been written
const size_t file_limit = size_t(1) << 20;
const uint64_t room = uint64_t(1) << 20; // of a disk so full nothing is asked that Xapian could fail in

// As long as the process.
struct shelf {
    std::mutex mutex;
    std::map<std::string, std::string> blank; // an empty database: names of its files, and what is in them
    std::vector<Xapian::WritableDatabase> kept;
};

shelf &the_shelf()
{
    static shelf *const only = new shelf;
    return *only;
}

int read_file(const std::string &path, std::string &content, struct error *error)
{
    char *bytes = nullptr;
    size_t length = 0;
    if (file_read(path.c_str(), file_limit, &bytes, &length, error) != 0)
        return -1;
    content.assign(bytes, length);
    free(bytes);
    return 0;
}

int read_files(const std::string &directory, std::map<std::string, std::string> &files, struct error *error)
{
    std::unique_ptr<DIR, int (*)(DIR *)> listing(opendir(directory.c_str()), closedir);
    while (const struct dirent *entry = listing ? readdir(listing.get()) : nullptr) {
        const std::string name = entry->d_name;
        if (name[0] == '.' || name == lock_file)
            continue;
        if (read_file(directory + "/" + name, files[name], error) != 0)
            return XAPIAN_FAILED;
    }
    return XAPIAN_OK;
}
} // namespace

std::string xapian_parent_of(const std::string &path)
{
    size_t end = path.find_last_not_of('/');
    size_t slash = end == std::string::npos ? std::string::npos : path.rfind('/', end);
    if (slash == std::string::npos)
        return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

int xapian_check_room(const std::string &directory, struct error *error)
{
    struct statvfs space;
    if (statvfs(directory.c_str(), &space) != 0 || uint64_t(space.f_bavail) * space.f_frsize >= room)
        return XAPIAN_OK;
    error_set(error, ERROR_UNAVAILABLE,
              "no room for the index: less than %d MB are free in %s; free some space, indexing goes on by "
              "itself then",
              int(room >> 20), directory.c_str());
    return XAPIAN_FAILED;
}

static int make_blank(const std::string &path, std::map<std::string, std::string> &files, struct error *error)
{
    const int flags = Xapian::DB_CREATE | Xapian::DB_BACKEND_GLASS | Xapian::DB_NO_SYNC;
    int status =
        xapian_guard(error, path.c_str(), false, [&] { Xapian::WritableDatabase(path, flags).close(); });
    return status == XAPIAN_OK ? read_files(path, files, error) : status;
}

int xapian_prepare(const char *directory, struct error *error)
{
    shelf &shelf = the_shelf();
    const std::lock_guard<std::mutex> guard(shelf.mutex);
    if (!shelf.blank.empty())
        return XAPIAN_OK;
    const std::string path = std::string(directory) + "/build.blank";
    std::map<std::string, std::string> files;
    if (file_make_directory(directory, error) != 0 || file_remove_tree(path.c_str(), error) != 0 ||
        xapian_check_room(directory, error) != XAPIAN_OK)
        return XAPIAN_FAILED;
    int status = make_blank(path, files, error);
    file_remove_tree(path.c_str(), nullptr);
    if (status == XAPIAN_OK)
        shelf.blank = std::move(files);
    return status;
}

int xapian_create(const std::string &path, struct error *error)
{
    if (xapian_prepare(xapian_parent_of(path).c_str(), error) != XAPIAN_OK ||
        file_make_directory(path.c_str(), error) != 0)
        return XAPIAN_FAILED;
    for (const auto &[name, content] : the_shelf().blank)
        if (file_replace((path + "/" + name).c_str(), content.data(), content.size(), error) != 0)
            return XAPIAN_FAILED;
    return XAPIAN_OK;
}

void xapian_keep(Xapian::WritableDatabase &database, const std::string &path) noexcept
{
    const std::string revision = path + "/" + unwritten_revision;
    if (access(revision.c_str(), F_OK) != 0)
        return; // it failed elsewhere, and no number is closed twice
    shelf &shelf = the_shelf();
    const std::lock_guard<std::mutex> guard(shelf.mutex);
    try {
        shelf.kept.push_back(database);
        unlink(revision.c_str());
        database.close(); // gives its files and the lock back, but not that number
    } catch (...) {
        // nothing more can be done about it
    }
}
