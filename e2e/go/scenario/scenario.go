// Package scenario holds the few words every Go program here shares: where the broker is, a name nobody else has, waiting for
// a fact, and ending with what went wrong.
package scenario

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"
)

// Patience bounds every wait.
const Patience = 45 * time.Second

// Bootstrap is the broker's address, or those of a cluster.
func Bootstrap() []string {
	if address := os.Getenv("BOOTSTRAP"); address != "" {
		return strings.Split(address, ",")
	}
	return []string{"127.0.0.1:9092"}
}

// Unique gives a topic or group name of this run alone.
func Unique(stem string) string {
	suffix := make([]byte, 5)
	_, err := rand.Read(suffix)
	Must("random bytes", err)
	return stem + "-" + hex.EncodeToString(suffix)
}

// Must ends the program when a step failed.
func Must(what string, err error) {
	if err != nil {
		Fail("%s: %v", what, err)
	}
}

// Equal ends the program, showing both sides, when they differ.
func Equal(what string, got, expected any) {
	if !reflect.DeepEqual(got, expected) {
		Fail("%s: got %v, expected %v", what, got, expected)
	}
}

// Eventually waits until the fact is true.
func Eventually(what string, fact func() bool) {
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if fact() {
			return
		}
	}
	Fail("not within %s: %s", Patience, what)
}

// Fail ends the program with a reason.
func Fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}
