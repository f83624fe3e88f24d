package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
)

// key is a public key of one of the two kinds.
type key struct {
	curve string
	ec    *ecdsa.PublicKey
	ed    ed25519.PublicKey
}

// readKey reads a public JWK with the standard library alone.
func readKey(jwk json.RawMessage) (key, error) {
	var members struct {
		Kty string `json:"kty"`
		Crv string `json:"crv"`
		X   string `json:"x"`
		Y   string `json:"y"`
	}
	if err := json.Unmarshal(jwk, &members); err != nil {
		return key{}, fmt.Errorf("no key: %w", err)
	}
	x, err := base64.RawURLEncoding.DecodeString(members.X)
	if err != nil {
		return key{}, fmt.Errorf("no key: %w", err)
	}
	y, err := base64.RawURLEncoding.DecodeString(members.Y)
	if err != nil {
		return key{}, fmt.Errorf("no key: %w", err)
	}
	switch members.Kty + " " + members.Crv {
	case "EC P-256":
		return onCurve(members.Crv, elliptic.P256(), x, y)
	case "EC P-384":
		return onCurve(members.Crv, elliptic.P384(), x, y)
	case "OKP Ed25519":
		if len(x) != ed25519.PublicKeySize {
			return key{}, fmt.Errorf("no key: %d octets", len(x))
		}
		return key{curve: members.Crv, ed: x}, nil
	}
	return key{}, fmt.Errorf("a key of a kind that is not known")
}

func onCurve(name string, curve elliptic.Curve, x, y []byte) (key, error) {
	public := &ecdsa.PublicKey{Curve: curve, X: new(big.Int).SetBytes(x), Y: new(big.Int).SetBytes(y)}
	if _, err := public.ECDH(); err != nil {
		return key{}, fmt.Errorf("no key: %w", err)
	}
	return key{curve: name, ec: public}, nil
}
