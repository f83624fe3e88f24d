// The Go oracle: one JSON task per line on standard input, one verdict per line back.
//
// RFC 9421 and RFC 9530 by github.com/yaronf/httpsign, JOSE by github.com/lestrrat-go/jwx,
// RFC 8785 by github.com/gowebpki/jcs.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

type message struct {
	Method  string      `json:"method"`
	Target  string      `json:"target"`
	Scheme  string      `json:"scheme"`
	Status  int         `json:"status"`
	Headers [][2]string `json:"headers"`
	Body    []byte      `json:"body_base64"`
}

type task struct {
	Scheme   string            `json:"scheme"`
	Request  message           `json:"request"`
	Response *message          `json:"response"`
	Label    string            `json:"label"`
	Keys     []json.RawMessage `json:"keys"`
	Endpoint string            `json:"endpoint"`
}

type verdict struct {
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
}

// cannotExpress says that the library has no way to be asked this.
type cannotExpress struct{ reason string }

func (e cannotExpress) Error() string { return e.reason }

var checks = map[string]func(task, key) error{
	"rfc9421":      verifyMessage,
	"detached-jws": verifyBody,
	"talos":        verifyEnvelope,
	"ap2":          verifyAuthorization,
}

// answer tries the keys one after the other: one that verifies is enough.
func answer(asked task) verdict {
	last := verdict{"refused", "no key"}
	for _, jwk := range asked.Keys {
		err := tried(asked, jwk)
		var cannot cannotExpress
		switch {
		case err == nil:
			return verdict{"verified", ""}
		case errors.As(err, &cannot):
			return verdict{"cannot", cannot.reason}
		default:
			last = verdict{"refused", err.Error()}
		}
	}
	return last
}

func tried(asked task, jwk json.RawMessage) error {
	known, err := readKey(jwk)
	if err != nil {
		return err
	}
	return checks[asked.Scheme](asked, known)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<26)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked task
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := answers.Encode(answer(asked)); err != nil {
			os.Exit(1)
		}
	}
}
