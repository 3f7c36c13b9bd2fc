/* SPDX-License-Identifier: ISC
 *
 * store_lost.c - the modseqs that were given out and that a restore has lost again.
 */
#include <endian.h>

#include "store/store_private.h"

#define SPAN_BYTES 16

static uint64_t
get_u64(const char *p)
{
	uint64_t be;

	memcpy(&be, p, sizeof(be));
	return be64toh(be);
}

static void
put_u64(struct buf *out, uint64_t v)
{
	uint64_t be = htobe64(v);

	buf_add(out, &be, sizeof(be));
}

enum rc
lost_read(struct span bytes, struct lost_span *ret, size_t *ret_n)
{
	size_t n = bytes.n / SPAN_BYTES;

	if (bytes.n % SPAN_BYTES != 0 || n > LOST_MAX)
		return RC_IO;
	for (size_t i = 0; i < n; i++) {
		ret[i].from = get_u64(bytes.p + i * SPAN_BYTES);
		ret[i].to = get_u64(bytes.p + i * SPAN_BYTES + 8);
	}
	*ret_n = n;
	return RC_OK;
}

enum rc
lost_add(struct span bytes, uint64_t from, uint64_t to, struct buf *out)
{
	struct lost_span list[LOST_MAX + 1];
	size_t n = 0;
	enum rc rc = lost_read(bytes, list, &n);

	if (rc)
		return rc;
	list[n++] = (struct lost_span){ from, to };
	for (size_t i = n > LOST_MAX; i < n; i++) {
		bool joins = n > LOST_MAX && i == 1;

		put_u64(out, joins ? list[0].from : list[i].from);
		put_u64(out, list[i].to);
	}
	return RC_OK;
}

bool
store_tx_is_lost(const struct store_tx *tx, uint64_t modseq)
{
	for (size_t i = 0; i < tx->n_lost; i++) {
		if (modseq > tx->lost[i].from && modseq < tx->lost[i].to)
			return true;
	}
	return false;
}

uint64_t
store_tx_restored(const struct store_tx *tx)
{
	return tx->n_lost > 0 ? tx->lost[tx->n_lost - 1].to : 0;
}
