# git and the AWS CLI as in AWS's guide: the credential helper of the CLI signs in, for the address of our form and of AWS's.
set -eu
cd "$(mktemp -d)"
aws codecommit create-repository --repository-name from-shell --repository-description 'from a shell' > made.json
url=$(aws codecommit get-repository --repository-name from-shell --query repositoryMetadata.cloneUrlHttp --output text)
git config --global user.name Ada
git config --global user.email ada@example.com
git config --global init.defaultBranch main

# with what `slipway env` has set, nothing is to be typed
git clone -q "$url" work
cd work
mkdir model
printf 'a,b\n1,2\n' > model/data.csv
head -c 3000000 /dev/urandom > model/large.bin
git add .
git commit -q -m 'first'
git tag -a v1 -m 'the first'
git push -q origin main v1
for number in 1 2 3; do git commit -q --allow-empty -m "more $number"; done
git push -q
cd ..

# the helper of the AWS CLI, by the address that AWS would give
unset GIT_CONFIG_COUNT
git config --global credential.helper '!f() { test "$1" = get && aws codecommit credential-helper get --ignore-host-check; }; f'
git config --global credential.UseHttpPath true
git clone -q "$AWS_ENDPOINT_URL/v1/repos/from-shell" again
test "$(git -C again rev-parse HEAD)" = "$(git -C work rev-parse HEAD)"
test "$(aws codecommit get-branch --repository-name from-shell --branch-name main --query branch.commitId --output text)" = "$(git -C work rev-parse HEAD)"
for version in 0 1 2; do git -c "protocol.version=$version" ls-remote "$url" refs/heads/main | grep -q main; done
git clone -q --depth 1 "$url" shallow
test "$(git -C shallow rev-list --count HEAD)" = 1
git -C shallow fetch -q --unshallow
test "$(git -C shallow rev-list --count HEAD)" = 4
git clone -q --filter=blob:none --no-checkout "$url" partial
git -C partial checkout -q main
git -C again pull -q --tags
git -C again fsck --no-progress
# a large body goes in chunks, behind a probe
git -C again -c http.postBuffer=65536 push -q origin HEAD:refs/heads/chunked
aws codecommit get-folder --repository-name from-shell --folder-path model --query 'files[].relativePath' --output text
aws codecommit delete-repository --repository-name from-shell > deleted.json
git ls-remote "$url" 2> refused.txt && exit 1
grep -q 'from-shell does not exist' refused.txt
echo done
