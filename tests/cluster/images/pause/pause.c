/*
 * Copyright (c) 2026, the kubedebug.core authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The first process of every pod sandbox: it holds the pod's namespaces open, and as process 1 of a
 * shared process namespace it reaps the orphans. It is C because 300 of them run on the node.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    sigset_t wanted;
    int received;

    /* Process 1 gets no default action of a signal, so the signals are waited for, not handled. */
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &wanted, NULL) != 0)
        return 1;
    for (;;) {
        if (sigwait(&wanted, &received) != 0)
            return 2;
        if (received != SIGCHLD)
            return 0;
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
}
