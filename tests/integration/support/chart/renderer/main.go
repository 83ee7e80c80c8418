// Renders a Helm chart as `helm template` does, for machines that have no helm: Go's own template
// engine and sprig, which helm is made of, and what helm adds to them. No subcharts.
//
// Reads one request as JSON from standard input and writes one answer as JSON; see render.py, which
// is how people and tests use this.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

type request struct {
	Chart        string   `json:"chart"`
	ValueFiles   []string `json:"value_files"`
	SetJSON      []string `json:"set_json"`
	Set          []string `json:"set"`
	SetFile      []string `json:"set_file"`
	Release      string   `json:"release"`
	Namespace    string   `json:"namespace"`
	IsUpgrade    bool     `json:"is_upgrade"`
	KubeVersion  string   `json:"kube_version"`
	APIVersions  []string `json:"api_versions"`
	Cluster      []table  `json:"cluster"` // objects that are there already, for `lookup`
	ExactNumbers bool     `json:"exact_numbers"`
	Documents    string   `json:"documents"` // YAML to read instead of a chart
}

type answer struct {
	Values    map[string]interface{} `json:"values,omitempty"`
	Schema    json.RawMessage        `json:"schema,omitempty"`
	Manifests []manifest             `json:"manifests,omitempty"`
	Notes     string                 `json:"notes,omitempty"`
	Documents []interface{}          `json:"documents,omitempty"`
	Error     string                 `json:"error,omitempty"`
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	var asked request
	if err == nil {
		err = json.Unmarshal(text, &asked)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "renderer:", err)
		os.Exit(1)
	}
	given := answerTo(asked)
	if err := json.NewEncoder(os.Stdout).Encode(given); err != nil {
		fmt.Fprintln(os.Stderr, "renderer:", err)
		os.Exit(1)
	}
}

// answerTo keeps what was known before an error, so that values can still be held against the schema.
func answerTo(asked request) (given answer) {
	var err error
	if asked.Chart == "" {
		given.Documents, err = readDocuments(asked.Documents)
	} else {
		err = renderChart(asked, &given)
	}
	if err != nil {
		given.Error = err.Error()
	}
	return given
}

func renderChart(asked request, given *answer) error {
	loaded, err := loadChart(asked.Chart)
	if err != nil {
		return err
	}
	given.Schema = loaded.schema
	given.Values, err = mergedValues(loaded, asked)
	if err != nil {
		return err
	}
	if err := checkKubeVersion(loaded.metadata.KubeVersion, asked.KubeVersion); err != nil {
		return err
	}
	rendered, err := execute(loaded, given.Values, asked)
	if err != nil {
		return err
	}
	given.Notes = rendered[loaded.templateName("NOTES.txt")]
	delete(rendered, loaded.templateName("NOTES.txt"))
	given.Manifests, err = splitAndSort(rendered)
	return err
}
