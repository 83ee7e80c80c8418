package main

import (
	"encoding/base64"
	"path"
	"strings"
)

// files is what templates know as .Files. Helm's Glob lets a "*" not pass a slash, as path.Match.
type files map[string][]byte

func (f files) Get(name string) string { return string(f[name]) }

func (f files) GetBytes(name string) []byte { return f[name] }

func (f files) Glob(pattern string) files {
	found := files{}
	for name, content := range f {
		if matches, err := path.Match(pattern, name); err == nil && matches {
			found[name] = content
		}
	}
	return found
}

func (f files) Lines(name string) []string {
	content := strings.TrimSuffix(string(f[name]), "\n")
	if content == "" {
		return []string{}
	}
	return strings.Split(content, "\n")
}

func (f files) AsConfig() string {
	texts := map[string]string{}
	for name, content := range f {
		texts[path.Base(name)] = string(content)
	}
	return toYAML(texts)
}

func (f files) AsSecrets() string {
	texts := map[string]string{}
	for name, content := range f {
		texts[path.Base(name)] = base64.StdEncoding.EncodeToString(content)
	}
	return toYAML(texts)
}
