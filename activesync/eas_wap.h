/* SPDX-License-Identifier: ISC
 *
 * eas_wap.h - a policy as devices of 2.5 read it: MS-WAP-Provisioning-XML.
 */
#ifndef ACTIVESYNC_EAS_WAP_H
#define ACTIVESYNC_EAS_WAP_H

#include "base/buf.h"
#include "mdm/mdm_policy.h"

/* MS-ASPROV 2.2.2.43 */
#define EAS_WAP_POLICY_TYPE "MS-WAP-Provisioning-XML"

/* Appends the document. There are words for the password and the lock alone; the rest of
 * a policy cannot be said to such a device. */
void eas_wap_write(const struct mdm_policy *p, struct buf *out);

#endif
