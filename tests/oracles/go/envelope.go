package main

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/dunglas/httpsfv"
	"github.com/gowebpki/jcs"
)

var meta = regexp.MustCompile(
	`^iat=([0-9]+), ?jti="([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"$`)

// verifyEnvelope verifies a detached JWS over the canonical form of what the request says.
func verifyEnvelope(asked task, known key) error {
	lines := values(asked.Request, "request-signature")
	if len(lines) != 1 {
		return errors.New("not one line of request-signature")
	}
	payload, err := envelope(asked)
	if err != nil {
		return err
	}
	if err := verifyDetached(lines[0], payload, known, false); err != nil {
		return err
	}
	if typeOf(lines[0]) != "JOSE" {
		return errors.New("typ is not JOSE")
	}
	return nil
}

func envelope(asked task) ([]byte, error) {
	request := asked.Request
	path, query, _ := strings.Cut(request.Target, "?")
	if !strings.HasPrefix(path, asked.Endpoint+"/") {
		return nil, errors.New("not below the endpoint")
	}
	headers, err := signedHeaders(request)
	if err != nil {
		return nil, err
	}
	said := meta.FindStringSubmatch(headers["talos-signature-meta"])
	if said == nil {
		return nil, errors.New("Talos-Signature-Meta is malformed")
	}
	sorted, err := sortedQuery(query)
	if err != nil {
		return nil, err
	}
	body, err := bodyOf(request.Body, strings.HasSuffix(path, "/cancel"))
	if err != nil {
		return nil, err
	}
	iat, err := strconv.ParseInt(said[1], 10, 64)
	if err != nil {
		return nil, err
	}
	made, err := json.Marshal(map[string]any{
		"method":  strings.ToUpper(request.Method),
		"path":    strings.TrimPrefix(path, asked.Endpoint),
		"query":   sorted,
		"headers": headers,
		"body":    body,
		"meta":    map[string]any{"iat": iat, "jti": said[2]},
	})
	if err != nil {
		return nil, err
	}
	return jcs.Transform(made)
}

func signedHeaders(request message) (map[string]string, error) {
	found := map[string]string{}
	for _, name := range []string{
		"ucp-agent", "content-type", "idempotency-key", "talos-signature-meta",
	} {
		lines := values(request, name)
		if len(lines) > 1 || len(lines) == 0 && name == "ucp-agent" {
			return nil, errors.New("not one line of " + name)
		}
		if len(lines) == 1 {
			found[name] = lines[0]
		}
	}
	agent, err := httpsfv.UnmarshalDictionary([]string{found["ucp-agent"]})
	if err != nil {
		return nil, err
	}
	found["ucp-agent"], err = httpsfv.Marshal(agent)
	return found, err
}

func sortedQuery(query string) (string, error) {
	parsed, err := url.ParseQuery(query)
	if err != nil {
		return "", err
	}
	// Encode writes the names in order, and the values of one as they stand.
	for _, values := range parsed {
		sort.Strings(values)
	}
	return parsed.Encode(), nil
}

// bodyOf returns the value of a body: null without one, and for an empty object on cancel.
func bodyOf(octets []byte, cancels bool) (json.RawMessage, error) {
	if len(octets) == 0 {
		return json.RawMessage("null"), nil
	}
	canonical, err := jcs.Transform(octets)
	if err != nil {
		return nil, err
	}
	if cancels && string(canonical) == "{}" {
		return json.RawMessage("null"), nil
	}
	return canonical, nil
}

func typeOf(value string) string {
	var members struct {
		Typ string `json:"typ"`
	}
	if err := json.Unmarshal(headerOf(value), &members); err != nil {
		return ""
	}
	return members.Typ
}
