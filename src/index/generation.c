#include "index/generation.h"

#include "base/log.h"
#include "base/memory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define GENERATION_MAX 1000000000UL

static char *directory_of(const char *data, uint32_t number)
{
    struct buffer path = BUFFER_INIT;
    buffer_printf(&path, "%s/generations/%u", data, number);
    return buffer_steal(&path);
}

static struct generation *make(const struct generation_places *places, uint32_t number,
                               const struct document_settings *settings)
{
    struct generation *generation = memory_zeroed(1, sizeof *generation);
    generation->number = number;
    generation->directory = directory_of(places->data, number);
    generation->places = *places;
    generation->settings = *settings;
    generation->copies = copy_finder_new(COPY_MEMORY, settings->copy_similarity);
    return generation;
}

static void set_average(struct generation *generation, double average_length)
{
    generation->average_guessed = average_length <= 0;
    generation->settings.average_length = average_length > 0 ? average_length : DOCUMENT_LENGTH_GUESS;
}

static int make_identity(char identity[24], struct error *error)
{
    uint64_t bits;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        return error_set(error, ERROR_UNAVAILABLE, "no random numbers from the system");
    snprintf(identity, 24, "%016llx", (unsigned long long)bits);
    return 0;
}

static char *statistics_path(const struct generation *generation, uint32_t epoch)
{
    struct buffer path = BUFFER_INIT;
    buffer_printf(&path, "%s/statistics.%u", generation->directory, epoch);
    return buffer_steal(&path);
}

/* Statistics of no article at all: every term weighs the same. */
static int make_empty_epoch(struct generation *generation, struct error *error)
{
    struct statistics_builder *builder = statistics_builder_new();
    size_t length;
    char *block = statistics_builder_finish(builder, 0, 1, &length);
    statistics_builder_free(builder);
    char *path = statistics_path(generation, 1);
    int result = file_replace(path, block, length, error);
    free(path);
    if (result != 0) {
        free(block);
        return -1;
    }
    return epoch_new(image_bytes_of_block(block, length), &generation->epoch, error);
}

int generation_create(const struct generation_places *places, uint32_t number,
                      const struct document_settings *settings, uint64_t position, struct generation **result,
                      struct error *error)
{
    struct generation *generation = make(places, number, settings);
    set_average(generation, settings->average_length);
    generation->sealed_position = generation->position = position;
    generation->next_segment = 1;
    if (file_remove_tree(generation->directory, error) != 0 ||
        file_make_directory(generation->directory, error) != 0 ||
        make_identity(generation->identity, error) != 0 || make_empty_epoch(generation, error) != 0) {
        generation_free(generation);
        return -1;
    }
    *result = generation;
    return 0;
}

/* ---- loading ---- */

static bool is_listed(const struct manifest *manifest, const char *name)
{
    char file[64];
    if (strcmp(name, "MANIFEST") == 0)
        return true;
    snprintf(file, sizeof file, "statistics.%u", manifest->epoch);
    if (strcmp(name, file) == 0)
        return true;
    snprintf(file, sizeof file, "tombstones.%u", manifest->tombstones_number);
    if (strcmp(name, file) == 0)
        return true;
    for (size_t i = 0; i < manifest->segment_count; i++)
        if (strcmp(name, manifest->segments[i].name) == 0)
            return true;
    return false;
}

static void remove_leftovers(const struct generation *generation, const struct manifest *manifest)
{
    DIR *directory = opendir(generation->directory);
    if (directory == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            is_listed(manifest, entry->d_name))
            continue;
        char *path = file_join(generation->directory, entry->d_name);
        log_info("removing a leftover of an interrupted change path=%s", path);
        file_remove_tree(path, NULL);
        free(path);
    }
    closedir(directory);
}

static int load_epoch(struct generation *generation, const struct manifest *manifest, struct error *error)
{
    char *path = statistics_path(generation, manifest->epoch);
    struct segment_file found;
    struct image_bytes bytes;
    int result = file_checksum(path, &found.crc, &found.size, error);
    if (result == 0 && (found.crc != manifest->statistics.crc || found.size != manifest->statistics.size))
        result = error_set(error, ERROR_UNAVAILABLE,
                           "%s is damaged: its checksum is not the one in the MANIFEST", path);
    if (result == 0)
        result = image_bytes_of_file(path, &bytes, error);
    if (result == 0)
        result = epoch_new(bytes, &generation->epoch, error);
    free(path);
    return result;
}

/* Features of an epoch that was never adopted, in the directory of a segment. */
static void remove_other_features(const char *segment_directory, uint32_t epoch)
{
    DIR *directory = opendir(segment_directory);
    if (directory == NULL)
        return;
    char *kept = segment_features_path(segment_directory, epoch);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char *path = file_join(segment_directory, entry->d_name);
        if (strncmp(entry->d_name, "features.", 9) == 0 && strcmp(path, kept) != 0)
            unlink(path);
        free(path);
    }
    free(kept);
    closedir(directory);
}

/* Features are counted by the places that the epoch gave to the common names. */
static int check_epoch(const struct generation *generation, const struct segment *segment,
                       struct error *error)
{
    const struct statistics *statistics = &generation->epoch->statistics;
    const struct features *features = &segment->slice->features;
    if (features->epoch != statistics->epoch || features->timeline.common_count != statistics->common.count)
        return error_set(error, ERROR_UNAVAILABLE, "damaged index: %s has features of another epoch",
                         segment->place->directory);
    return 0;
}

static int load_segments(struct generation *generation, const struct manifest *manifest, struct error *error)
{
    for (size_t i = 0; i < manifest->segment_count; i++) {
        const struct manifest_segment *listed = &manifest->segments[i];
        struct segment expected = {
            .xapian = listed->xapian, .rows = listed->rows, .features = listed->features};
        struct segment *segment;
        if (segment_open(generation->directory, listed->name, manifest->epoch, &expected, &segment, error) !=
            0)
            return -1;
        remove_other_features(segment->place->directory, manifest->epoch);
        generation_add_segment(generation, segment);
        if (check_epoch(generation, segment, error) != 0)
            return -1;
    }
    return 0;
}

/* Pairs of docid and revision of death. */
static int load_tombstones(struct generation *generation, const struct manifest *manifest,
                           struct error *error)
{
    generation->tombstones_number = generation->tombstones_written = manifest->tombstones_number;
    if (manifest->tombstones.size == 0)
        return 0;
    struct buffer path = BUFFER_INIT;
    buffer_printf(&path, "%s/tombstones.%u", generation->directory, manifest->tombstones_number);
    struct segment_file found;
    struct file_map map;
    int result = file_checksum(path.data, &found.crc, &found.size, error);
    if (result == 0 && (found.crc != manifest->tombstones.crc || found.size != manifest->tombstones.size))
        result = error_set(error, ERROR_UNAVAILABLE, "%s is damaged", path.data);
    if (result == 0)
        result = file_map(path.data, &map, error);
    if (result == 0) {
        const uint32_t *pairs = (const uint32_t *)(const void *)map.data;
        for (size_t i = 0; i + 1 < map.length / sizeof *pairs; i += 2)
            generation_bury(generation, pairs[i], pairs[i + 1]);
        file_unmap(&map);
    }
    buffer_release(&path);
    return result;
}

int generation_load(const struct generation_places *places, uint32_t number,
                    const struct document_settings *settings, struct generation **result, struct error *error)
{
    struct generation *generation = make(places, number, settings);
    struct manifest manifest;
    if (manifest_read(generation->directory, &manifest, error) != 0) {
        generation_free(generation);
        return -1;
    }
    memcpy(generation->identity, manifest.identity, sizeof generation->identity);
    set_average(generation, manifest.average_length);
    generation->sealed_position = generation->position = manifest.position;
    generation->next_segment = manifest.next_segment;
    int failed = load_epoch(generation, &manifest, error) != 0 ||
                 load_segments(generation, &manifest, error) != 0 ||
                 load_tombstones(generation, &manifest, error) != 0;
    if (!failed) {
        remove_leftovers(generation, &manifest);
        generation_recall_copies(generation);
    }
    manifest_release(&manifest);
    if (failed) {
        generation_free(generation);
        return -1;
    }
    *result = generation;
    return 0;
}

/* ---- saving ---- */

static void collect_tombstones(const struct generation *generation, struct buffer *pairs)
{
    for (size_t i = 0; i < generation->segment_count; i++) {
        const struct slice *slice = generation->segments[i]->slice;
        if (atomic_load(&slice->shared->dead) == 0)
            continue;
        for (uint32_t row = 0; row < slice->rows->count; row++) {
            uint32_t died = atomic_load(&slice->shared->died[row]);
            if (died == NEVER_DIED)
                continue;
            uint32_t pair[2] = {slice->rows->docids[row], died};
            buffer_append(pairs, pair, sizeof pair);
        }
    }
}

/* Of the MANIFEST before the present one, and of attempts that failed. */
static void remove_tombstones(struct generation *generation, uint32_t present)
{
    struct buffer path = BUFFER_INIT;
    for (; generation->tombstones_number < present; generation->tombstones_number++) {
        buffer_clear(&path);
        buffer_printf(&path, "%s/tombstones.%u", generation->directory, generation->tombstones_number);
        unlink(path.data);
    }
    buffer_release(&path);
}

/* Writes the next tombstones file, if there are any; the old one goes once the MANIFEST names the new. */
static int save_tombstones(struct generation *generation, struct manifest *manifest, struct error *error)
{
    struct buffer pairs = BUFFER_INIT;
    collect_tombstones(generation, &pairs);
    manifest->tombstones_number = ++generation->tombstones_written;
    int result = 0;
    if (pairs.length != 0) {
        struct buffer path = BUFFER_INIT;
        buffer_printf(&path, "%s/tombstones.%u", generation->directory, manifest->tombstones_number);
        result = file_replace(path.data, pairs.data, pairs.length, error);
        if (result == 0)
            result = file_checksum(path.data, &manifest->tombstones.crc, &manifest->tombstones.size, error);
        buffer_release(&path);
    }
    buffer_release(&pairs);
    return result;
}

static int list_files(const struct generation *generation, struct manifest *manifest, struct error *error)
{
    char *path = statistics_path(generation, manifest->epoch);
    int result = file_checksum(path, &manifest->statistics.crc, &manifest->statistics.size, error);
    free(path);
    manifest->segments = memory_zeroed(generation->segment_count, sizeof *manifest->segments);
    manifest->segment_count = generation->segment_count;
    for (size_t i = 0; i < generation->segment_count; i++) {
        const struct segment *segment = generation->segments[i];
        struct manifest_segment *listed = &manifest->segments[i];
        snprintf(listed->name, sizeof listed->name, "%s", segment->name);
        listed->documents = segment->documents;
        listed->xapian = segment->xapian;
        listed->rows = segment->rows;
        listed->features = segment->features;
    }
    return result;
}

static void release_retired(struct generation *generation, bool obsolete)
{
    for (size_t i = 0; i < generation->retired_count; i++) {
        if (obsolete)
            atomic_store(&generation->retired[i]->obsolete, true);
        segment_place_release(generation->retired[i]);
    }
    generation->retired_count = 0;
}

int generation_save(struct generation *generation, struct error *error)
{
    struct manifest manifest = {
        .generation = generation->number,
        .average_length = generation->average_guessed ? 0 : generation->settings.average_length,
        .epoch = generation->epoch->statistics.epoch,
        .position = generation->sealed_position,
        .next_segment = generation->next_segment,
    };
    memcpy(manifest.identity, generation->identity, sizeof manifest.identity);
    int result = -1;
    if (save_tombstones(generation, &manifest, error) == 0 && list_files(generation, &manifest, error) == 0 &&
        manifest_write(generation->directory, &manifest, error) == 0) {
        remove_tombstones(generation, manifest.tombstones_number);
        release_retired(generation, true);
        result = 0;
    }
    manifest_release(&manifest);
    return result;
}

int generation_make_live(const struct generation *generation, struct error *error)
{
    char *path = file_join(generation->places.data, "live");
    char text[16];
    snprintf(text, sizeof text, "%u\n", generation->number);
    int result = file_replace(path, text, strlen(text), error);
    free(path);
    return result;
}

int generation_live_number(const char *data, uint32_t *number, struct error *error)
{
    char *path = file_join(data, "live");
    char *text = NULL;
    size_t length;
    struct error reason = ERROR_INIT;
    int result = file_read(path, 64, &text, &length, &reason);
    *number = 0;
    if (result == 0) {
        char *end = text;
        unsigned long found = length > 1 && text[length - 1] == '\n' ? strtoul(text, &end, 10) : 0;
        *number = (uint32_t)found;
        if (found == 0 || found > GENERATION_MAX || end != text + length - 1)
            result = error_set(error, ERROR_UNAVAILABLE, "%s is damaged: it names no generation", path);
    } else if (reason.code == ERROR_NOT_FOUND)
        result = 0;
    else if (error != NULL)
        *error = reason;
    free(text);
    free(path);
    return result;
}

uint32_t generation_last_number(const char *data)
{
    uint32_t last = 0;
    char *path = file_join(data, "generations");
    DIR *directory = opendir(path);
    free(path);
    if (directory == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        unsigned long number = strtoul(entry->d_name, NULL, 10);
        if (number > last && number <= GENERATION_MAX)
            last = (uint32_t)number;
    }
    closedir(directory);
    return last;
}

/* ---- end ---- */

void generation_discard(struct generation *generation)
{
    for (size_t i = 0; i < generation->segment_count; i++)
        atomic_store(&generation->segments[i]->place->obsolete, true);
    for (size_t i = 0; i < generation->hot_count; i++)
        atomic_store(&generation->hots[i]->place->obsolete, true);
    release_retired(generation, true);
    char *path = file_join(generation->directory, "MANIFEST");
    unlink(path);
    free(path);
}

void generation_free(struct generation *generation)
{
    if (generation == NULL)
        return;
    for (size_t i = 0; i < generation->segment_count; i++)
        segment_release(generation->segments[i]);
    for (size_t i = 0; i < generation->hot_count; i++)
        hot_free(generation->hots[i]);
    release_retired(generation, false);
    free(generation->retired);
    free(generation->segments);
    free(generation->hots);
    epoch_release(generation->epoch);
    copy_finder_free(generation->copies);
    free(generation->directory);
    free(generation);
}
