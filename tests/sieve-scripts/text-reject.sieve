require ["reject", "variables"];
if header :matches "subject" "*special offer*" {
  set :length "n" "${2}";
  reject text: # why
"${1}" is not wanted here, ${n}.
..hidden
# no comment

/* nor this */ "nor" this \ at all.
.
  ;
}
if header :is "subject" text:
hello
.
{ discard; }
