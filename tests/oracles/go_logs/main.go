// The Go oracle for audit logs: one JSON task per line on standard input, one verdict per line back.
//
// Checkpoints are opened by golang.org/x/mod/sumdb/note; tiles are read, and proofs made and
// checked, by golang.org/x/mod/sumdb/tlog.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type task struct {
	Folder string `json:"folder"`
	Vkey   string `json:"vkey"`
	// Checkpoints of this log that were saved before, the earliest first.
	Saved []string `json:"saved"`
}

type verdict struct {
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
}

// check returns why a log is not what its checkpoint says, or did not grow out of the saved ones.
func check(asked task) error {
	verifier, err := note.NewVerifier(asked.Vkey)
	if err != nil {
		return err
	}
	newest, err := readCheckpoint(filepath.Join(asked.Folder, "checkpoint"), verifier)
	if err != nil {
		return err
	}
	files := newFolder(asked.Folder)
	hashes := tlog.TileHashReader(newest, files)
	root, err := tlog.TreeHash(newest.N, hashes)
	if err != nil {
		return err
	}
	if root != newest.Hash {
		return fmt.Errorf("the tiles have another root than the checkpoint")
	}
	if err := checkRecords(newest, files, hashes); err != nil {
		return err
	}
	trees := make([]tlog.Tree, 0, len(asked.Saved)+1)
	for _, path := range asked.Saved {
		tree, err := readCheckpoint(path, verifier)
		if err != nil {
			return err
		}
		trees = append(trees, tree)
	}
	return checkGrowth(append(trees, newest), hashes)
}

// checkRecords proves that every record of the bundles is in the tree at its index.
func checkRecords(tree tlog.Tree, files *folder, hashes tlog.HashReader) error {
	for first := int64(0); first < tree.N; first += width {
		records, err := files.bundle(first/width, int(min(tree.N-first, width)))
		if err != nil {
			return err
		}
		for offset, record := range records {
			index := first + int64(offset)
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			if err != nil {
				return fmt.Errorf("record %d: %w", index, err)
			}
			hash := tlog.RecordHash(record)
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, hash); err != nil {
				return fmt.Errorf("record %d: %w", index, err)
			}
		}
	}
	return nil
}

// checkGrowth proves of any two trees that the later one begins with the earlier one.
func checkGrowth(trees []tlog.Tree, hashes tlog.HashReader) error {
	for number, later := range trees {
		for _, earlier := range trees[:number] {
			proof, err := tlog.ProveTree(later.N, earlier.N, hashes)
			if err != nil {
				return err
			}
			if err := tlog.CheckTree(proof, later.N, later.Hash, earlier.N, earlier.Hash); err != nil {
				return fmt.Errorf("from %d to %d records: %w", earlier.N, later.N, err)
			}
		}
	}
	return nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked task
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		said := verdict{"verified", ""}
		if err := check(asked); err != nil {
			said = verdict{"refused", err.Error()}
		}
		if err := answers.Encode(said); err != nil {
			os.Exit(1)
		}
	}
}
