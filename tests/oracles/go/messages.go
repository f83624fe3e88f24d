package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/yaronf/httpsign"
)

// host is RFC 9110 section 7.2, without percent-encoded names: what can stand in a URL as it is.
var host = regexp.MustCompile(`^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]*)?$`)

var algorithms = map[string]string{
	"P-256": "ecdsa-p256-sha256", "P-384": "ecdsa-p384-sha384", "Ed25519": "ed25519",
}

// verifyMessage verifies one signature of a request or a response, and its digest where it has one.
func verifyMessage(asked task, known key) error {
	config, err := configOf(asked)
	if err != nil {
		return err
	}
	verifier, err := verifierFor(known)
	if err != nil {
		return err
	}
	parsed, err := httpsign.NewMessage(config)
	if err != nil {
		return err
	}
	details, err := parsed.Verify(asked.Label, *verifier)
	if err != nil {
		return err
	}
	// RFC 9421 section 3.2: it leaves comparing alg with the key to its caller.
	if details.Alg != "" && details.Alg != algorithms[known.curve] {
		return errors.New("alg does not fit the key")
	}
	if asked.Response != nil {
		return checkDigest(*asked.Response)
	}
	return checkDigest(asked.Request)
}

func verifierFor(known key) (*httpsign.Verifier, error) {
	// Times are policy.
	config := httpsign.NewVerifyConfig().SetVerifyCreated(false).SetRejectExpired(false)
	none := *httpsign.NewFields()
	switch known.curve {
	case "P-256":
		return httpsign.NewP256Verifier(*known.ec, config, none)
	case "P-384":
		return httpsign.NewP384Verifier(*known.ec, config, none)
	default:
		return httpsign.NewEd25519Verifier(known.ed, config, none)
	}
}

func configOf(asked task) (*httpsign.MessageConfig, error) {
	request := asked.Request
	hosts := values(request, "host")
	if len(hosts) != 1 || !host.MatchString(hosts[0]) || !strings.HasPrefix(request.Target, "/") {
		return nil, cannotExpress{"its requests have an absolute URL, made of one host and a path"}
	}
	target, err := url.Parse(request.Scheme + "://" + hosts[0] + request.Target)
	if err != nil {
		return nil, cannotExpress{"its requests have a URL that net/url parses: " + err.Error()}
	}
	// net/url writes some characters otherwise than they came, and httpsign parses any query.
	path, _, _ := strings.Cut(request.Target, "?")
	if _, err := url.ParseQuery(target.RawQuery); err != nil || target.EscapedPath() != path {
		return nil, cannotExpress{"net/url has no such path or query"}
	}
	config := httpsign.NewMessageConfig()
	if asked.Response != nil {
		return config.WithStatusCode(asked.Response.Status).
			WithHeaders(headersOf(*asked.Response)).
			WithAssociatedRequest(
				request.Method, target, headersOf(request), hosts[0], request.Scheme), nil
	}
	return config.WithMethod(request.Method).WithURL(target).WithHeaders(headersOf(request)).
		WithAuthority(hosts[0]).WithScheme(request.Scheme), nil
}

func headersOf(given message) http.Header {
	headers := http.Header{}
	for _, line := range given.Headers {
		headers.Add(line[0], line[1])
	}
	return headers
}

func values(given message, name string) []string {
	var found []string
	for _, line := range given.Headers {
		if strings.EqualFold(line[0], name) {
			found = append(found, line[1])
		}
	}
	return found
}

func checkDigest(given message) error {
	lines := values(given, "content-digest")
	if len(lines) == 0 {
		return nil
	}
	body := io.NopCloser(bytes.NewReader(given.Body))
	known := []string{httpsign.DigestSha256, httpsign.DigestSha512}
	return httpsign.ValidateContentDigestHeader(lines, &body, known)
}
