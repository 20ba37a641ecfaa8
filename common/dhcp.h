/* SPDX-License-Identifier: BSD-2-Clause */
/* What a boot ROM or a UEFI firmware keeps of its DHCP answers. Built for i686 and for the UEFI application. */
#ifndef DHCP_H
#define DHCP_H

#include <stdint.h>

/* BOOTP (RFC 951) with DHCP's options (RFC 2132). */
struct dhcp {
	uint8_t operation, hardware, address_size, hops;
	uint8_t transaction[4];
	uint16_t seconds, flags;
	uint8_t client[4], your[4], server[4], relay[4];
	uint8_t address[16];
	char server_name[64];
	char file[128];
	uint8_t cookie[4];
	uint8_t options[];
};
_Static_assert(sizeof(struct dhcp) == 240, "RFC 2131, 2");

#define DHCP_PACKET_MAX  1472u /* what one frame of Ethernet holds */
#define DHCP_SUBNET_MASK 1
#define DHCP_ROUTER      3
#define DHCP_SERVER      54
#define DHCP_FILE        67
#define DHCP_END         255

/* An option's bytes, 0 if it is not there. Some answers lack the cookie: then there are no options. */
const uint8_t *dhcp_option(const struct dhcp *dhcp, uint32_t size, uint8_t which, uint8_t *length);

/* Our own file's name, which need not end in a NUL within `max`, 0 if the answer has none. */
const char *dhcp_boot_file(const struct dhcp *dhcp, uint32_t size, uint32_t *max);

/* The server's four bytes: of the field or of the option; 0 if the answer has neither. */
const uint8_t *dhcp_server(const struct dhcp *dhcp, uint32_t size);

#endif
