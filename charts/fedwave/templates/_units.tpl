{{/* Sizes and times as numbers, so that values can be compared; and what an address may look like. */}}

{{/* Bytes of "1GiB" as fedwave writes it, of "2Gi" as Kubernetes does, and of a bare number. */}}
{{- define "fedwave.byteCount" -}}
{{- $units := dict "" 1 "B" 1 "m" 0.001 "k" 1000 "KB" 1000 "Ki" 1024 "KiB" 1024 -}}
{{- $_ := merge $units (dict "M" 1000000 "MB" 1000000 "Mi" 1048576 "MiB" 1048576) -}}
{{- $_ := merge $units (dict "G" 1000000000 "GB" 1000000000 "Gi" 1073741824 "GiB" 1073741824) -}}
{{- $_ := merge $units (dict "T" 1000000000000 "Ti" 1099511627776) -}}
{{- $_ := merge $units (dict "P" 1000000000000000 "Pi" 1125899906842624) -}}
{{- $text := ternary . (int64 . | toString) (kindIs "string" .) -}}
{{- mulf (regexFind "^[0-9.]+" $text | default "0") (get $units (regexFind "[A-Za-z]*$" $text) | default 0) -}}
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

{{/* "true" for host, host:port, [v6]:port and a URL, as fedwave reads them. What a variable of the
environment stands for is not known here. */}}
{{- define "fedwave.isAddress" -}}
{{- $port := "0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6([0-4][0-9]{3}|5([0-4][0-9]{2}|5([0-2][0-9]|3[0-5]))))" -}}
{{- $place := printf "([-._A-Za-z0-9]+|\\[[-._%%:A-Za-z0-9]+\\])(:%s)?" $port -}}
{{- or (contains "$" .) (regexMatch (printf "^(%s|(?i:https?)://([^/?#]*@)?%s([/?#].*)?)$" $place $place) .) -}}
{{- end -}}
