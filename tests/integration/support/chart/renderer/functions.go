package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"
)

// functions is sprig without what depends on the machine, and what helm adds.
func (e *engine) functions() template.FuncMap {
	functions := sprig.TxtFuncMap()
	for _, name := range []string{"env", "expandenv"} {
		delete(functions, name)
	}
	for name, function := range map[string]interface{}{
		"include":       e.include,
		"tpl":           e.tpl,
		"required":      required,
		"fail":          func(text string) (string, error) { return "", failure(text) },
		"lookup":        e.lookup,
		"getHostByName": func(string) string { return "" },
		"toYaml":        toYAML,
		"fromYaml":      fromYAML,
		"fromYamlArray": fromYAMLArray,
		"toJson":        toJSON,
		"fromJson":      fromYAML, // JSON is YAML
		"fromJsonArray": fromYAMLArray,
	} {
		functions[name] = function
	}
	return functions
}

// lookup finds one object of the cluster by its name; lists of them are not needed here.
func (e *engine) lookup(version, kind, namespace, name string) table {
	for _, object := range e.cluster {
		described, _ := object["metadata"].(table)
		if object["apiVersion"] == version && object["kind"] == kind &&
			described["namespace"] == namespace && described["name"] == name {
			return object
		}
	}
	return table{}
}

func required(text string, value interface{}) (interface{}, error) {
	if value == nil || value == "" {
		return nil, failure(text)
	}
	return value, nil
}

// The next ones swallow errors as helm's do.

func toYAML(value interface{}) string {
	text, err := yaml.Marshal(value)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

func toJSON(value interface{}) string {
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

func fromYAML(text string) table {
	values := table{}
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		values["Error"] = err.Error()
	}
	return values
}

func fromYAMLArray(text string) []interface{} {
	var values []interface{}
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		return []interface{}{fmt.Sprint(err)}
	}
	return values
}
