/* SPDX-License-Identifier: ISC
 *
 * mime_private.h - what the files of the MIME parser share.
 */
#ifndef FORMAT_MIME_PRIVATE_H
#define FORMAT_MIME_PRIVATE_H

#include "format/mime.h"

#define MIME_PARTS_DEFAULT 1000
#define MIME_DEPTH_DEFAULT 50
#define MIME_ADDRESSES_DEFAULT 10000
#define MIME_PARAMS_DEFAULT 100

/* The next line of raw from at, with its LF if it has one. */
struct span mime_line(struct span raw, size_t at);
/* True for CRLF and LF alone. */
bool mime_line_is_empty(struct span line);
/* True when the line may stand in a header: a field, a continuation or mbox's "From ". */
bool mime_line_is_header(struct span line);

/* Takes the next field off *rest; lines that are none are skipped. False at the end. */
bool mime_field_next(struct span *rest, struct span *ret_name, struct span *ret_value,
                     struct span *ret_whole);
/*
 * The value on one line and trimmed: line ends are dropped, bare CR and NUL become
 * spaces. Shows value where nothing has to change, else a.
 */
struct span mime_unfold(struct span value, struct arena *a);
struct span mime_lower(struct span s, struct arena *a);

/* Past white space and (comments) from at; RFC 5322 3.2.2. */
size_t mime_skip_cfws(struct span s, size_t at);
/* "text/plain; charset=x", unfolded. False, and nothing written, when it is not of the
 * form. */
bool mime_type_parse(struct span value, uint32_t params_max, struct arena *a,
                     struct span *ret_type, struct span *ret_subtype,
                     struct mime_param **ret_params);
/* "attachment; filename=x" and a bare token alike. */
void mime_token_parse(struct span value, uint32_t params_max, struct arena *a,
                      struct span *ret_token, struct mime_param **ret_params);

#endif
