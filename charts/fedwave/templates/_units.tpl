{{/* Sizes, times and addresses as numbers and parts, so that values can be compared. */}}

{{/* Bytes of "1GiB" (fedwave's), "2Gi" (Kubernetes') or a bare number. */}}
{{- define "fedwave.byteCount" -}}
{{- $text := . -}}
{{- if not (kindIs "string" $text) -}}
{{- $text = int64 $text | toString -}}
{{- end -}}
{{- $units := dict "" 1 "B" 1 "m" 0.001 -}}
{{- range $power, $letter := list "K" "M" "G" "T" "P" -}}
{{- range $suffix, $factor := dict "" 1000 "B" 1000 "i" 1024 "iB" 1024 -}}
{{- $bytes := 1 -}}
{{- range until (int (add1 $power)) -}}
{{- $bytes = mul $bytes $factor -}}
{{- end -}}
{{- $_ := set $units (print $letter $suffix) $bytes -}}
{{- end -}}
{{- end -}}
{{- $_ := set $units "k" 1000 -}}
{{- mulf (regexFind "^[0-9.]+" $text) (get $units (regexFind "[A-Za-z]*$" $text)) -}}
{{- end -}}

{{/* Milliseconds of "1m30s". */}}
{{- define "fedwave.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 "y" 31536000000 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+[a-z]+" . -1 -}}
{{- $sum = addf $sum (mulf (regexFind "^[0-9.]+" .) (get $units (regexFind "[a-z]+$" .))) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{/* "true" where fedwave can read the text as host, host:port, [v6]:port or a URL; what a variable of the
environment stands for is not known here. */}}
{{- define "fedwave.isAddress" -}}
{{- $authority := . -}}
{{- if contains "://" . -}}
{{- $authority = regexFind "(?i)^https?://[^/?#]+" . | regexReplaceAll "(?i)^https?://([^@]*@)?" | default "" -}}
{{- end -}}
{{- end -}}
