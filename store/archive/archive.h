/* SPDX-License-Identifier: ISC
 *
 * archive.h - rows and blobs as a stream of bytes: versioned, self-describing, checked.
 *
 * An archive is a head, sections and an end. A section is the rows of one table with the
 * names and types of its columns, the runs of keys of one (rows.h), or the bytes of a
 * blob; it ends with the count of its rows and the SHA-256 of all that it holds, the
 * archive with the one of its sections. Bytes go in frames of about 256 KB, packed by
 * zstd where that saves. docs/decisions/store-archive.md has the format to the byte.
 *
 * The reader is strict, since an archive is foreign bytes: what it gives out has the
 * form that its section says, in the order of its keys; whether the sums are right is
 * known at the end of each section.
 */
#ifndef STORE_ARCHIVE_ARCHIVE_H
#define STORE_ARCHIVE_ARCHIVE_H

#include "base/arena.h"
#include "base/encode.h"
#include "store/archive/rows.h"
#include "store/blobs.h"

#define ARCHIVE_FORMAT 1

#define ARCHIVE_KIND_LIST(X)                                                             \
	X(USER, "user")                                                                  \
	X(DIRECTORY, "directory")                                                        \
	X(QUEUE, "queue")                                                                \
	X(BLOB, "blob")

enum archive_kind {
#define X(name, text) ARCHIVE_##name,
	ARCHIVE_KIND_LIST(X)
#undef X
};
const char *archive_kind_str(enum archive_kind k);

struct archive_head {
	enum archive_kind kind;
	bool increment; /* of a user: changes only */
	uint64_t store; /* the store's number */
	int64_t made_ms;
	uint64_t user;
	struct span address; /* of a user */
	/* Of a user, where the next increment goes on (struct dump_mark). */
	uint64_t modseq;
	uint64_t content_next;
	uint64_t swept;
};

/* What a section held, when it has ended. */
struct archive_sum {
	uint64_t count; /* rows, runs, or bytes of a blob */
	struct sha256 hash;
};

/* -- writing -- */

/* Takes bytes; may block. */
typedef enum rc archive_write_fn(struct span bytes, void *arg);

/* A struct rows_out that writes what it gets; errors of fn stay and come back. */
struct archive_writer;
/* codec NULL: nothing is packed. fn NULL: nothing is written, for the sums. */
struct archive_writer *
archive_writer_new(struct codec *codec, archive_write_fn *fn, void *arg);
void archive_writer_free(struct archive_writer *w);
AUTO_DEFINE(archive_writer);
enum rc
archive_write_head(struct archive_writer *w, const struct archive_head *h) MUST_CHECK;
struct rows_out *archive_writer_rows(struct archive_writer *w);
/* A section of its own: the blob's bytes, in pieces of any size. */
enum rc archive_write_blob(struct archive_writer *w, const struct sha256 *hash,
                           uint64_t size) MUST_CHECK;
enum rc archive_write_bytes(struct archive_writer *w, struct span bytes) MUST_CHECK;
enum rc archive_write_blob_end(struct archive_writer *w) MUST_CHECK;
/* The end of the archive; ret_sum (may be NULL): of its sections. */
enum rc archive_write_end(struct archive_writer *w, struct archive_sum *ret) MUST_CHECK;
/* Of the section that ended last. */
const struct archive_sum *archive_writer_sum(const struct archive_writer *w);

/* -- reading -- */

/* Up to n bytes into p; *ret_n 0: there are no more. */
typedef enum rc archive_read_fn(char *p, size_t n, size_t *ret_n, void *arg);

enum archive_event {
	ARCHIVE_EV_HEAD,        /* head */
	ARCHIVE_EV_SECTION,     /* part, name, columns; or blob, blob_size */
	ARCHIVE_EV_ROW,         /* values */
	ARCHIVE_EV_RUN,         /* values, run_to */
	ARCHIVE_EV_BYTES,       /* bytes, of a blob */
	ARCHIVE_EV_SECTION_END, /* sum; the section was as it was written */
	ARCHIVE_EV_END,         /* sum: of the archive. Nothing behind it was read */
};

enum archive_part { ARCHIVE_PART_ROWS, ARCHIVE_PART_RUNS, ARCHIVE_PART_BLOB };

#define ARCHIVE_NAME_MAX 63

struct archive_column {
	char name[ARCHIVE_NAME_MAX + 1];
	enum engine_type type;
	bool is_key;
};

struct archive_reader;
struct archive_reader *
archive_reader_new(struct codec *codec, archive_read_fn *fn, void *arg);
void archive_reader_free(struct archive_reader *r);
AUTO_DEFINE(archive_reader);

/* The next of it, in the order of the enum's story. RC_INVALID: damaged or no archive;
 * RC_UNSUPPORTED: of a newer version; err says what and where. */
enum rc archive_next(struct archive_reader *r, enum archive_event *ret,
                     struct err *err) MUST_CHECK;

/* All of it lives until the next call. */
struct archive_view {
	struct archive_head head; /* until the end */
	enum archive_part part;
	char name[ARCHIVE_NAME_MAX + 1]; /* of the table */
	struct archive_column columns[TABLE_COLUMNS_MAX];
	size_t n_columns;
	struct sha256 blob;
	uint64_t blob_size;
	struct engine_arg values[TABLE_COLUMNS_MAX];
	int64_t run_to;
	struct span bytes;
	struct archive_sum sum;
	uint64_t at; /* bytes read so far */
};
const struct archive_view *archive_view(const struct archive_reader *r);

#endif
