package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	width  = 1 << height
)

// readCheckpoint opens a note of three lines: origin, size and root (C2SP tlog-checkpoint).
func readCheckpoint(path string, verifier note.Verifier) (tlog.Tree, error) {
	octets, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(octets, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] || size < 1 {
		return tlog.Tree{}, fmt.Errorf("no size")
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

// folder reads a log's files and keeps the tiles: they are asked for again with every proof.
type folder struct {
	path  string
	tiles map[string][]byte
}

func newFolder(path string) *folder {
	return &folder{path, map[string][]byte{}}
}

// Height is part of tlog.TileReader.
func (f *folder) Height() int { return height }

// SaveTiles is part of tlog.TileReader: what was read and found to be right is where it was.
func (f *folder) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles is part of tlog.TileReader.
func (f *folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(tiles))
	for number, tile := range tiles {
		// Here the height is no part of the path, as it is always the same.
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		octets, known := f.tiles[path]
		if !known {
			var err error
			if octets, err = os.ReadFile(filepath.Join(f.path, path)); err != nil {
				return nil, err
			}
			f.tiles[path] = octets
		}
		found[number] = octets
	}
	return found, nil
}

// bundle returns the records of a bundle (C2SP tlog-tiles: each behind two octets of length).
func (f *folder) bundle(number int64, count int) ([][]byte, error) {
	path := tlog.Tile{H: height, L: -1, N: number, W: count}.Path()
	path = strings.Replace(path, "tile/8/data/", "tile/entries/", 1)
	rest, err := os.ReadFile(filepath.Join(f.path, path))
	if err != nil {
		return nil, err
	}
	var records [][]byte
	for len(rest) > 0 {
		if len(rest) < 2 || len(rest)-2 < int(rest[0])<<8+int(rest[1]) {
			return nil, fmt.Errorf("%s is cut short", path)
		}
		end := 2 + int(rest[0])<<8 + int(rest[1])
		records, rest = append(records, rest[2:end]), rest[end:]
	}
	if len(records) != count {
		return nil, fmt.Errorf("%s has %d records", path, len(records))
	}
	return records, nil
}
