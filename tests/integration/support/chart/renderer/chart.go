package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// metadata is Chart.yaml, under the names that templates use.
type metadata struct {
	APIVersion   string            `json:"apiVersion"`
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	AppVersion   string            `json:"appVersion"`
	KubeVersion  string            `json:"kubeVersion"`
	Description  string            `json:"description"`
	Type         string            `json:"type"`
	Home         string            `json:"home"`
	Icon         string            `json:"icon"`
	Sources      []string          `json:"sources"`
	Keywords     []string          `json:"keywords"`
	Annotations  map[string]string `json:"annotations"`
	Maintainers  []interface{}     `json:"maintainers"`
	Dependencies []interface{}     `json:"dependencies"`
	IsRoot       bool              `json:"-"`
}

type chart struct {
	metadata  metadata
	schema    json.RawMessage
	values    []byte
	templates map[string]string // by path inside the chart
	files     files             // all the rest
}

func (c *chart) templateName(file string) string {
	return path.Join(c.metadata.Name, "templates", file)
}

func loadChart(folder string) (*chart, error) {
	loaded := &chart{templates: map[string]string{}, files: files{}}
	loaded.metadata.IsRoot = true
	ignored, err := readIgnored(filepath.Join(folder, ".helmignore"))
	if err != nil {
		return nil, err
	}
	err = filepath.Walk(folder, func(name string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(folder, name)
		if err != nil || inside == "." {
			return err
		}
		if ignored.has(inside, info.IsDir()) {
			if info.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if info.IsDir() {
			return nil
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return loaded.add(inside, content)
	})
	if err == nil && loaded.metadata.Name == "" {
		err = fmt.Errorf("%s: no Chart.yaml with a name", folder)
	}
	if err == nil && len(loaded.metadata.Dependencies) > 0 {
		err = fmt.Errorf("%s: this renderer knows no subcharts", folder)
	}
	return loaded, err
}

func (c *chart) add(name string, content []byte) error {
	switch {
	case name == "Chart.yaml":
		return yaml.UnmarshalStrict(content, &c.metadata)
	case name == "values.yaml":
		c.values = content
	case name == "values.schema.json":
		c.schema = content
	case strings.HasPrefix(name, "templates/"):
		c.templates[name] = string(content)
	default:
		c.files[name] = content
	}
	return nil
}

// ignorance is .helmignore: shell patterns, a trailing slash for folders, a slash elsewhere for the
// whole path. Helm refuses "**", and negation is not needed here.
type ignorance []string

func readIgnored(file string) (ignorance, error) {
	content, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil, nil
	}
	var patterns ignorance
	for _, line := range strings.Split(string(content), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if strings.Contains(line, "**") || line[0] == '!' {
			return nil, fmt.Errorf("%s: %q is not supported", file, line)
		}
		patterns = append(patterns, line)
	}
	return patterns, err
}

func (patterns ignorance) has(name string, isFolder bool) bool {
	for _, pattern := range patterns {
		if strings.HasSuffix(pattern, "/") {
			if !isFolder {
				continue
			}
			pattern = strings.TrimSuffix(pattern, "/")
		}
		compared := path.Base(name)
		if strings.Contains(pattern, "/") {
			pattern, compared = strings.TrimPrefix(pattern, "/"), name
		}
		if matches, err := path.Match(pattern, compared); err == nil && matches {
			return true
		}
	}
	return false
}
