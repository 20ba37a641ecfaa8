/* SPDX-License-Identifier: BSD-2-Clause */
#include "common/dhcp.h"

const uint8_t *dhcp_option(const struct dhcp *dhcp, uint32_t size, uint8_t which, uint8_t *length)
{
	static const uint8_t cookie[4] = {99, 130, 83, 99};
	const uint8_t *end = (const uint8_t *)dhcp + size;
	*length = 0;
	for (int i = 0; i < 4; i++)
		if (size < sizeof(*dhcp) || dhcp->cookie[i] != cookie[i])
			return 0;
	for (const uint8_t *p = dhcp->options; p + 1 < end && *p != DHCP_END;) {
		if (*p == 0) { /* padding */
			p++;
			continue;
		}
		if (*p == which && p + 2 + p[1] <= end) {
			*length = p[1];
			return p + 2;
		}
		p += 2 + p[1];
	}
	return 0;
}

const char *dhcp_boot_file(const struct dhcp *dhcp, uint32_t size, uint32_t *max)
{
	uint8_t length;
	*max = sizeof(dhcp->file);
	if (dhcp->file[0] != 0)
		return dhcp->file;
	const char *file = (const char *)dhcp_option(dhcp, size, DHCP_FILE, &length);
	*max = length;
	return file;
}

const uint8_t *dhcp_server(const struct dhcp *dhcp, uint32_t size)
{
	uint8_t length;
	const uint8_t *server = dhcp->server;
	if ((server[0] | server[1] | server[2] | server[3]) != 0)
		return server;
	server = dhcp_option(dhcp, size, DHCP_SERVER, &length);
	return length == 4 ? server : 0;
}
