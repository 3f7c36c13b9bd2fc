/* SPDX-License-Identifier: ISC
 *
 * key_file.h - a secret of the supervisor's that outlives it, in a file of its own.
 */
#ifndef SERVER_KEY_FILE_H
#define SERVER_KEY_FILE_H

#include "base/def.h"

/*
 * The n bytes in the file at path, which is made with random ones when it is not there:
 * for its owner's eyes only, whole or not at all. Where that cannot be, or path is "",
 * the bytes are random and nobody else's; the log says so. A file that others may read,
 * or that has another size, is not used.
 */
void key_file_load(const char *path, uint8_t *ret, size_t n);

#endif
