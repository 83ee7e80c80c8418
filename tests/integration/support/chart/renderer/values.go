package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

type table = map[string]interface{}

// mergedValues is the chart's values.yaml below the files below the settings, as helm stacks them.
func mergedValues(loaded *chart, asked request) (table, error) {
	defaults, err := readTable(loaded.values, asked.ExactNumbers)
	if err != nil {
		return nil, fmt.Errorf("values.yaml: %w", err)
	}
	given := table{}
	for _, file := range asked.ValueFiles {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		values, err := readTable(content, asked.ExactNumbers)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		overlay(given, values)
	}
	for _, setting := range asked.SetJSON {
		if err := setJSON(given, setting); err != nil {
			return nil, err
		}
	}
	for _, setting := range asked.Set {
		if err := setPlain(given, setting); err != nil {
			return nil, err
		}
	}
	for _, setting := range asked.SetFile {
		if err := setFile(given, setting); err != nil {
			return nil, err
		}
	}
	coalesce(given, defaults)
	return given, nil
}

// readTable: helm once read every number as float64 and reads exact ones since; templates have to do
// with both.
func readTable(content []byte, exactNumbers bool) (table, error) {
	asJSON, err := yaml.YAMLToJSONStrict(content)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	if exactNumbers {
		decoder.UseNumber()
	}
	values := table{}
	if err := decoder.Decode(&values); err != nil {
		return nil, err
	}
	return values, nil
}

// overlay puts `above` over `below`; null stays, so that it can take a default away in the end.
func overlay(below, above table) {
	for key, value := range above {
		upper, isTable := value.(table)
		lower, wasTable := below[key].(table)
		if isTable && wasTable {
			overlay(lower, upper)
		} else {
			below[key] = value
		}
	}
}

// coalesce fills in the chart's defaults; null takes one away.
func coalesce(given, defaults table) {
	for key, value := range defaults {
		own, has := given[key]
		ownTable, isTable := own.(table)
		defaultTable, wasTable := value.(table)
		switch {
		case !has:
			given[key] = value
		case own == nil:
			delete(given, key)
		case isTable && wasTable:
			coalesce(ownTable, defaultTable)
		}
	}
}

func setJSON(values table, setting string) error {
	if strings.HasPrefix(setting, "{") {
		var whole table
		if err := json.Unmarshal([]byte(setting), &whole); err != nil {
			return fmt.Errorf("--set-json %s: %w", setting, err)
		}
		overlay(values, whole)
		return nil
	}
	key, text, found := strings.Cut(setting, "=")
	var value interface{}
	if err := json.Unmarshal([]byte(text), &value); !found || err != nil {
		return fmt.Errorf("--set-json %s: KEY=JSON is needed (%v)", setting, err)
	}
	return put(values, key, value)
}

func setPlain(values table, setting string) error {
	for _, part := range strings.Split(setting, ",") {
		key, text, found := strings.Cut(part, "=")
		if !found {
			return fmt.Errorf("--set %s: KEY=VALUE is needed", part)
		}
		if err := put(values, key, typed(text)); err != nil {
			return err
		}
	}
	return nil
}

func setFile(values table, setting string) error {
	key, file, _ := strings.Cut(setting, "=")
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("--set-file %s: %w", setting, err)
	}
	return put(values, key, string(content))
}

func typed(text string) interface{} {
	switch text {
	case "true":
		return true
	case "false":
		return false
	case "null":
		return nil
	}
	if number, err := strconv.ParseInt(text, 10, 64); err == nil && (text == "0" || text[0] != '0') {
		return number
	}
	return text
}

// put walks a path like a.b\.c.d; lists are given whole.
func put(values table, key string, value interface{}) error {
	const dot = "\x00"
	steps := strings.Split(strings.ReplaceAll(key, `\.`, dot), ".")
	for index, step := range steps {
		step = strings.ReplaceAll(step, dot, ".")
		if step == "" || strings.ContainsAny(step, "[]") {
			return fmt.Errorf("%s: a path of names and dots is needed", key)
		}
		if index == len(steps)-1 {
			overlay(values, table{step: value})
			return nil
		}
		next, isTable := values[step].(table)
		if !isTable {
			next = table{}
			values[step] = next
		}
		values = next
	}
	return nil
}
