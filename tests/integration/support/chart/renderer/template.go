package main

import (
	"errors"
	"fmt"
	"path"
	"sort"
	"strings"
	"text/template"
)

const includeDepthMax = 1000

// failure is what a template says itself, with `fail` or `required`.
type failure string

func (f failure) Error() string { return string(f) }

type engine struct {
	root    *template.Template
	depth   map[string]int // of nested includes, by name
	cluster []table
}

type release struct {
	Name, Namespace, Service string
	IsInstall, IsUpgrade     bool
	Revision                 int
}

// execute renders every template of the chart that is not a partial; by name.
func execute(loaded *chart, values table, asked request) (map[string]string, error) {
	version, err := capabilitiesOf(asked)
	if err != nil {
		return nil, err
	}
	e := &engine{root: template.New(loaded.metadata.Name).Option("missingkey=zero"), depth: map[string]int{},
		cluster: asked.Cluster}
	e.root.Funcs(e.functions())
	names := make([]string, 0, len(loaded.templates))
	for name := range loaded.templates {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if _, err := e.root.New(path.Join(loaded.metadata.Name, name)).Parse(loaded.templates[name]); err != nil {
			return nil, err
		}
	}
	rendered := map[string]string{}
	for _, name := range names {
		if strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		full := path.Join(loaded.metadata.Name, name)
		text, err := e.text(full, table{
			"Values":       values,
			"Chart":        loaded.metadata,
			"Files":        loaded.files,
			"Capabilities": version,
			"Release": release{asked.Release, asked.Namespace, "Helm", !asked.IsUpgrade,
				asked.IsUpgrade, 1},
			"Template": table{"Name": full, "BasePath": path.Join(loaded.metadata.Name, "templates")},
		})
		if err != nil {
			return nil, readable(err)
		}
		rendered[full] = text
	}
	return rendered, nil
}

func (e *engine) text(name string, data interface{}) (string, error) {
	var out strings.Builder
	err := e.root.ExecuteTemplate(&out, name, data)
	// What missingkey=zero prints for a key of a table that is not there.
	return strings.ReplaceAll(out.String(), "<no value>", ""), err
}

func (e *engine) include(name string, data interface{}) (string, error) {
	if e.depth[name]++; e.depth[name] > includeDepthMax {
		return "", fmt.Errorf("%s includes itself without end", name)
	}
	defer func() { e.depth[name]-- }()
	return e.text(name, data)
}

// tpl renders a text of the values as a template that knows all the chart's definitions.
func (e *engine) tpl(text string, data interface{}) (string, error) {
	clone, err := e.root.Clone()
	if err != nil {
		return "", err
	}
	inner := &engine{root: clone, depth: e.depth}
	clone.Funcs(template.FuncMap{"include": inner.include, "tpl": inner.tpl})
	if _, err := clone.New("tpl").Parse(text); err != nil {
		return "", fmt.Errorf("cannot read template %q: %w", text, err)
	}
	return inner.text("tpl", data)
}

// readable gives what the chart says itself without the chain of calls that led there, as helm does.
func readable(err error) error {
	var said failure
	parts := strings.SplitN(err.Error(), ": ", 3) // "template", its place, the chain
	if errors.As(err, &said) && len(parts) == 3 {
		return fmt.Errorf("execution error at (%s): %s", parts[1], said)
	}
	return err
}
