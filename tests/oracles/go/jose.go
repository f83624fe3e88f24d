package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/gowebpki/jcs"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// verifyBody verifies a detached JWS over the body, as the January 2026 versions have it (RFC 7797).
func verifyBody(asked task, known key) error {
	lines := values(asked.Request, "request-signature")
	if len(lines) != 1 {
		return errors.New("not one line of request-signature")
	}
	return verifyDetached(lines[0], asked.Request.Body, known, true)
}

// verifyAuthorization verifies ap2.merchant_authorization over the canonical checkout without ap2.
func verifyAuthorization(asked task, known key) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(asked.Response.Body, &members); err != nil {
		return err
	}
	var ap2 struct {
		Authorization string `json:"merchant_authorization"`
	}
	if err := json.Unmarshal(members["ap2"], &ap2); err != nil || ap2.Authorization == "" {
		return errors.New("there is no authorization")
	}
	if err := onlyOnce(asked.Response.Body); err != nil {
		return err
	}
	delete(members, "ap2")
	rest, err := json.Marshal(members)
	if err != nil {
		return err
	}
	payload, err := jcs.Transform(rest)
	if err != nil {
		return err
	}
	return verifyDetached(ap2.Authorization, payload, known, false)
}

// onlyOnce has jcs see the octets themselves: json.Unmarshal takes a name twice, jcs doesn't.
func onlyOnce(octets []byte) error {
	_, err := jcs.Transform(octets)
	return err
}

func verifyDetached(value string, payload []byte, known key, mayBeUnencoded bool) error {
	if known.ec == nil {
		return errors.New("the key is not on P-256 or P-384")
	}
	parts := strings.Split(value, ".")
	if len(parts) != 3 || parts[1] != "" {
		return errors.New("not of the form header..signature")
	}
	if !mayBeUnencoded && isUnencoded(value) {
		return errors.New("the payload is base64url text here")
	}
	algorithm := jwa.ES256()
	if known.curve == "P-384" {
		algorithm = jwa.ES384()
	}
	_, err := jws.Verify([]byte(value),
		jws.WithKey(algorithm, known.ec), jws.WithDetachedPayload(payload), jws.WithCompact())
	return err
}

func isUnencoded(value string) bool {
	var members struct {
		B64 *bool `json:"b64"`
	}
	err := json.Unmarshal(headerOf(value), &members)
	return err == nil && members.B64 != nil && !*members.B64
}

func headerOf(value string) []byte {
	header, _, _ := strings.Cut(value, ".")
	octets, _ := base64.RawURLEncoding.DecodeString(header)
	return octets
}
