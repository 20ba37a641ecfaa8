/* SPDX-License-Identifier: BSD-2-Clause */
#define _POSIX_C_SOURCE 200809L

#include "run.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

bool run_shows_commands, run_lacked_a_program;
volatile int run_ended_by;

static volatile pid_t running; /* 0: none */

static void end(int number)
{
	run_ended_by = number;
	if (running > 0)
		kill(running, number);
}

void run_heed_signals(void)
{
	struct sigaction action = {.sa_handler = end};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void show_word(const char *word, FILE *stream)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";

	if (*word && strspn(word, plain) == strlen(word)) {
		fputs(word, stream);
		return;
	}
	fputc('\'', stream);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", stream);
		else
			fputc(*word, stream);
	fputc('\'', stream);
}

void run_show(const char *const arguments[], FILE *stream)
{
	for (int i = 0; arguments[i]; i++) {
		if (i)
			fputc(' ', stream);
		show_word(arguments[i], stream);
	}
	fputc('\n', stream);
	fflush(stream);
}

const char *run_program(const char *variable, const char *usual)
{
	const char *preferred = getenv(variable);

	return preferred && *preferred ? preferred : usual;
}

static bool report_missing(const char *program, int error, FILE *messages)
{
	const struct report report = {program, messages};

	run_lacked_a_program = run_lacked_a_program || error == ENOENT;
	return report_error(&report,
			    "cannot be run: %s; install it (packages binutils and mtools), or see PATH",
			    strerror(error));
}

/* Its status as waitpid() has it; -1 if that is not to be had. */
static int wait_for(pid_t child)
{
	int status;

	running = child;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR) {
			status = -1;
			break;
		}
	running = 0;
	return status;
}

bool run(const char *const arguments[], FILE *messages)
{
	pid_t child;
	int error, status;

	if (run_ended_by)
		return false;
	if (run_shows_commands)
		run_show(arguments, stderr);
	error = posix_spawnp(&child, arguments[0], NULL, NULL, (char *const *)arguments, environ);
	if (error)
		return report_missing(arguments[0], error, messages);
	status = wait_for(child);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
