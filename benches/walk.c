/* The floor that speed is measured against: libauparse is fed a log and every event, record and field is visited.
 * Nothing is interpreted, and nothing is written but what was counted. */
#include <auparse.h>
#include <stdio.h>
#include <string.h>

struct count {
	unsigned long events, records, fields, bytes;
};

static void ready(auparse_state_t *au, auparse_cb_event_t type, void *user)
{
	struct count *count = user;

	if (type != AUPARSE_CB_EVENT_READY || auparse_first_record(au) <= 0)
		return;
	count->events++;
	do {
		int more;

		count->records++;
		for (more = auparse_first_field(au); more > 0; more = auparse_next_field(au)) {
			const char *value = auparse_get_field_str(au);

			count->fields++;
			auparse_get_field_name(au);
			count->bytes += value ? strlen(value) : 0;
		}
	} while (auparse_next_record(au) > 0);
}

int main(void)
{
	static char block[64 * 1024];
	struct count count = { 0 };
	auparse_state_t *au = auparse_init(AUSOURCE_FEED, NULL);
	size_t n;

	if (!au)
		return 1;
	auparse_add_callback(au, ready, &count, NULL);
	while ((n = fread(block, 1, sizeof block, stdin)) > 0)
		if (auparse_feed(au, block, n))
			return 1;
	auparse_flush_feed(au);
	auparse_destroy(au);
	printf("events %lu records %lu fields %lu bytes %lu\n", count.events, count.records, count.fields, count.bytes);
	return 0;
}
