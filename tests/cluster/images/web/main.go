// Copyright (c) 2026, the kubedebug.core authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Command web is the application that the tests debug: one static binary in an image without a
// shell. It answers on PORT (80 when not set):
//
//	/               200, "OK - GET: Request completed" (the method is the request's)
//	/bytes?n=N      N bytes that depend on N only (at most 1 GiB)
//	/slow?ms=N      the answer of / after N milliseconds (at most 60,000)
//	/status?code=N  the status N
//	/env            the environment, a line each
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	maxBytes = 1 << 30
	maxSlow  = 60_000
)

// number reads a query parameter between 0 and limit, and answers 400 when it is not one.
func number(w http.ResponseWriter, r *http.Request, name string, limit int) (int, bool) {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 0 || n > limit {
		http.Error(w, fmt.Sprintf("%s: a number from 0 to %d is needed", name, limit), http.StatusBadRequest)
		return 0, false
	}
	return n, true
}

func ok(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "OK - %s: Request completed", r.Method)
}

func slow(w http.ResponseWriter, r *http.Request) {
	ms, valid := number(w, r, "ms", maxSlow)
	if !valid {
		return
	}
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
		ok(w, r)
	case <-r.Context().Done():
	}
}

func sendBytes(w http.ResponseWriter, r *http.Request) {
	n, valid := number(w, r, "n", maxBytes)
	if !valid {
		return
	}
	block := make([]byte, 64*1024)
	for i := range block {
		block[i] = byte(i*7 + i>>8)
	}
	w.Header().Set("Content-Length", strconv.Itoa(n))
	w.Header().Set("Content-Type", "application/octet-stream")
	for n > 0 {
		sent, err := w.Write(block[:min(n, len(block))])
		if err != nil {
			return
		}
		n -= sent
	}
}

func status(w http.ResponseWriter, r *http.Request) {
	code, valid := number(w, r, "code", 599)
	if !valid {
		return
	}
	if code < 200 {
		http.Error(w, "code: from 200 to 599", http.StatusBadRequest)
		return
	}
	w.WriteHeader(code)
}

func environment(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, strings.Join(os.Environ(), "\n")+"\n")
}

func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		next.ServeHTTP(w, r)
		log.Printf("%s %q from %s in %s", r.Method, r.URL, r.RemoteAddr, time.Since(start).Round(time.Microsecond))
	})
}

func main() {
	log.SetOutput(os.Stdout)
	log.SetFlags(log.LstdFlags | log.LUTC)
	port := os.Getenv("PORT")
	if port == "" {
		port = "80"
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", ok)
	mux.HandleFunc("/slow", slow)
	mux.HandleFunc("/bytes", sendBytes)
	mux.HandleFunc("/status", status)
	mux.HandleFunc("/env", environment)

	// Process 1 has no default action for SIGTERM: without this a pod takes its whole grace period to end.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	server := &http.Server{Addr: ":" + port, Handler: logged(mux), ReadHeaderTimeout: 10 * time.Second}
	listener, err := net.Listen("tcp", server.Addr)
	if err != nil {
		log.Fatalf("cannot listen: %v", err)
	}
	log.Printf("listening on %s as uid %d", listener.Addr(), os.Getuid())
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	log.Print("stopped")
}
